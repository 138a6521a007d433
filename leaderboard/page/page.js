"use strict";

(() => {
  const root = document.documentElement;

  // Light and dark: as the reader's system has it, until the button says otherwise.
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null; // a browser may keep a local file from storing anything
    }
  };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const nameOtherTheme = () => {
    button.textContent = isDark() ? "Light" : "Dark";
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // The choice holds until the page is left.
    }
    nameOtherTheme();
  });
  system.addEventListener("change", nameOtherTheme);
  nameOtherTheme();

  // Undefined values come last, whichever way a column is sorted.
  const lastWhereEmpty = (sign) => (one, other) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    return sign * (Number(one) - Number(other));
  };
  DataTable.ext.type.order["score-asc"] = lastWhereEmpty(1);
  DataTable.ext.type.order["score-desc"] = lastWhereEmpty(-1);

  const unfold = (table, link) => {
    const opener = document.createElement("button");
    const section = document.getElementById(link.hash.slice(1));
    opener.type = "button";
    opener.className = "open";
    opener.textContent = link.textContent;
    opener.setAttribute("aria-expanded", "false");
    opener.setAttribute("aria-controls", section.id);
    link.replaceWith(opener);
    const show = (shown) => {
      const row = table.row(opener.closest("tr"));
      if (shown) row.child(section, "unfolded").show();
      else row.child.hide();
      opener.setAttribute("aria-expanded", String(shown));
    };
    opener.addEventListener("click", () => show(opener.getAttribute("aria-expanded") !== "true"));
    section.remove();
    return [section.id, show];
  };

  const rows = new Map();
  for (const element of document.querySelectorAll("table.leaderboard")) {
    const headings = [...element.tHead.rows[0].cells];
    const behind = element.closest("article").querySelector(".behind");
    const links = [...element.querySelectorAll("tbody a")];
    const table = new DataTable(element, {
      paging: false,
      autoWidth: false,
      order: [],
      layout: { topStart: "search", topEnd: null, bottomStart: "info", bottomEnd: null },
      language: {
        search: "Search",
        searchPlaceholder: "method or hyper-parameter",
        info: "Shown: _TOTAL_",
        infoEmpty: "Shown: 0",
        infoFiltered: "of _MAX_",
        zeroRecords: "No row matches.",
      },
      columns: headings.map((heading) =>
        heading.dataset.better
          ? {
              type: "score",
              searchable: false,
              orderSequence: heading.dataset.better === "higher" ? ["desc", "asc"] : ["asc", "desc"],
            }
          : { type: "string", orderSequence: ["asc", "desc"] },
      ),
    });
    const scrolled = document.createElement("div");
    scrolled.className = "scrolled";
    element.replaceWith(scrolled);
    scrolled.append(element);
    for (const link of links) {
      const [id, show] = unfold(table, link);
      rows.set(id, { panel: element.closest(".panel"), show });
    }
    behind.remove();
  }

  // Tabs, after the ARIA Authoring Practices: arrow keys move, and the address names what is shown.
  const tabs = [...document.querySelectorAll("#tabs a")];
  const panels = tabs.map((tab) => document.getElementById(tab.hash.slice(1)));
  const select = (chosen, focus) => {
    tabs.forEach((tab, place) => {
      const selected = place === chosen;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      panels[place].hidden = !selected;
    });
    if (focus) tabs[chosen].focus();
  };
  const go = (place, focus) => {
    select(place, focus);
    try {
      history.replaceState(null, "", tabs[place].hash);
    } catch {
      // The address of a local file may be fixed.
    }
  };
  const follow = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const row = rows.get(id);
    const place = panels.findIndex((panel) => panel.id === id || panel === row?.panel);
    if (tabs.length) select(Math.max(place, 0), false);
    if (row) {
      row.show(true);
      document.getElementById(id).scrollIntoView();
    }
  };
  document.getElementById("tabs")?.setAttribute("role", "tablist");
  tabs.forEach((tab, place) => {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panels[place].id);
    panels[place].setAttribute("role", "tabpanel");
    panels[place].setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      go(place, true);
    });
    tab.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 };
      if (event.key === " ") go(place, true);
      else if (event.key in moves) go((moves[event.key] + tabs.length) % tabs.length, true);
      else return;
      event.preventDefault();
    });
  });
  addEventListener("hashchange", follow);
  follow();
})();
