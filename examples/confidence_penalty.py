"""Confidence penalty (Pereyra et al. 2017, arXiv 1701.06548), as a method of one's own."""

from methods import Method, hyper_parameter, register


@register("confidence-penalty")
class ConfidencePenalty(Method):
    """Cross-entropy minus the entropy of the prediction."""

    weight: float = hyper_parameter(0.1, ge=0, description="weight of the entropy", source="paper, section 3")

    def loss(self, model, batch):
        output = model(**batch)
        log_p = output.logits.log_softmax(dim=-1)
        return output.loss + self.weight * (log_p.exp() * log_p).sum(dim=-1).mean()
