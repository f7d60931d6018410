"""What runs under a tracer: real generation (a prefill and decode steps), one forward pass, or one step of training."""

import inspect

from .report import JobError

# Of AdamW, small enough that no run of random weights diverges.
_LEARNING_RATE = 1e-5
# BERT's share of tokens that a masked model learns to predict.
_MASKED_SHARE = 0.15


class Workload:
    """One run is `new_tokens` generated tokens (one prefill, `new_tokens` - 1 decode steps), one forward
    pass of an encoder, or one step of training: forward pass with loss, backward pass, AdamW. `marker(name)`
    gives a context manager around every step; the names are `kerneltracer.prefill batch=B tokens=T`,
    `kerneltracer.decode step=I batch=B`, `kerneltracer.forward batch=B tokens=T`,
    `kerneltracer.backward batch=B tokens=T` and `kerneltracer.optimizer`."""

    def __init__(self, model, run, ids, mask, spec):
        self.model, self.kind, self.ids, self.mask, self.spec = model, run, ids, mask, spec
        self._marker = self._open = None
        self._calls = 0
        if run == "generate" and not hasattr(model, "generate"):
            raise JobError("unsupported_model", f"{type(model).__name__} cannot generate.")
        self._optimizer = self._labels = None
        if run == "train":
            self._prepare_training()

    def run(self, marker=None):
        import torch

        batch, tokens = self.ids.shape
        self._marker, self._calls = marker, 0
        torch.manual_seed(self.spec["seed"])
        try:
            if self.kind == "train":
                self._train()
                return
            with torch.no_grad():
                if self.kind == "forward":
                    self._next(f"kerneltracer.forward batch={batch} tokens={tokens}")
                    self.model(input_ids=self.ids, attention_mask=self.mask)
                    return
                hook = self.model.register_forward_pre_hook(self._before_forward)
                try:
                    self._next(f"kerneltracer.prefill batch={batch} tokens={tokens}")
                    self.model.generate(self.ids, attention_mask=self.mask, **self._arguments())
                finally:
                    hook.remove()
        finally:
            self._next(None)

    def _prepare_training(self):
        import torch

        name = type(self.model).__name__
        if "labels" not in inspect.signature(self.model.forward).parameters:
            raise JobError("unsupported_model", f"{name} computes no loss: its forward pass takes no labels.")
        weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        if not weights:
            raise JobError("unsupported_model", f"{name} has no weights that can be trained (is it quantized?).")
        self.model.train()
        self._labels = self.ids.clone()
        if "MaskedLM" in name:
            # The tokens stay as they are: which of them count changes no operator.
            draw = torch.Generator().manual_seed(self.spec["seed"])
            counted = torch.rand(self.ids.shape, generator=draw) < _MASKED_SHARE
            counted[:, 0] = True
            self._labels[~counted.to(self.ids.device)] = -100
        self._optimizer = torch.optim.AdamW(weights, lr=_LEARNING_RATE)

    def _train(self):
        batch, tokens = self.ids.shape
        self._next(f"kerneltracer.forward batch={batch} tokens={tokens}")
        loss = self.model(input_ids=self.ids, attention_mask=self.mask, labels=self._labels).loss
        if loss is None:
            raise JobError("unsupported_model", f"{type(self.model).__name__} computes no loss from labels.")
        self._next(f"kerneltracer.backward batch={batch} tokens={tokens}")
        loss.backward()
        self._next("kerneltracer.optimizer")
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _arguments(self):
        spec = self.spec
        arguments = {
            "max_new_tokens": spec["new_tokens"],
            # An id that no model samples: the stopping check runs as in production, the length is exact.
            "eos_token_id": -1,
            "pad_token_id": 0,
            # The model's own generation_config.json may say otherwise; the marks and the memory estimate
            # count on one sequence for each prompt and on eager steps.
            "num_beams": 1,
            "num_return_sequences": 1,
            "do_sample": spec["temperature"] is not None or spec["top_p"] is not None,
        }
        config = self.model.config
        if getattr(config, "is_encoder_decoder", False) and (
            getattr(config, "decoder_start_token_id", None) is None and getattr(config, "bos_token_id", None) is None
        ):
            arguments["decoder_start_token_id"] = 0
        if arguments["do_sample"]:
            arguments["temperature"] = spec["temperature"] or 1.0
            arguments["top_p"] = spec["top_p"] or 1.0
            arguments["top_k"] = 0
        if hasattr(self.model.generation_config, "disable_compile"):
            arguments["disable_compile"] = True
        return arguments

    def _before_forward(self, _module, _inputs):
        # The first forward is the prefill's, opened before generate() began.
        if self._calls > 0:
            self._next(f"kerneltracer.decode step={self._calls} batch={self.ids.shape[0]}")
        self._calls += 1

    def _next(self, name):
        if self._open is not None:
            self._open.__exit__(None, None, None)
            self._open = None
        if name is not None and self._marker is not None:
            self._open = self._marker(name)
            self._open.__enter__()
