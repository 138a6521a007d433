"""What a method asks of its run, without a Trainer: one process, full precision, no gradient accumulation."""

from contextlib import nullcontext


class PlainRun:
    def __init__(self, model, batches=(), seed=3, step=0, learning_rate=1e-3, decay=None):
        self.model, self.seed, self.step = model, seed, step
        self.learning_rate = self.peak_learning_rate = learning_rate
        self.decoupled_weight_decay = decay or {}
        self._batches = batches

    def training_batches(self):
        return iter(self._batches)

    def selection_batches(self):
        return iter(self._batches)

    def autocast(self):
        return nullcontext()

    def backward(self, loss):
        loss.backward()

    def sum_over_processes(self, values):
        return values

    def mean_over_processes(self, values):
        return values


def gradients(model):
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
