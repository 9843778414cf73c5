"""The fusion model and its training step in JAX, for `train_step.py --variant jax`.

    python benches/peers/jax_model.py

compares loss and gradients with PyTorch's on the same parameters, without dropout. The step is one
jitted function whose buffers of parameters, moments and running statistics are donated.
Needs jax, torch and numpy.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
MOMENTUM, NORM_EPS = 0.1, 1e-5
BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8


def linear(params, name, x):
    return x @ params[f"{name}.weight"].T + params[f"{name}.bias"]


def dropout(x, rate, key):
    if rate == 0.0:
        return x
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def norm_relu_dropout(params, running, name, x, rate, key):
    """Batch statistics normalise; the running ones move towards them."""
    mean, variance = x.mean(axis=0), x.var(axis=0)
    rows = x.shape[0]
    unbiased = variance * rows / (rows - 1)
    moved = {
        f"{name}.running_mean": (1 - MOMENTUM) * running[f"{name}.running_mean"] + MOMENTUM * mean,
        f"{name}.running_var": (1 - MOMENTUM) * running[f"{name}.running_var"] + MOMENTUM * unbiased,
    }
    y = (x - mean) * jax.lax.rsqrt(variance + NORM_EPS)
    y = y * params[f"{name}.weight"] + params[f"{name}.bias"]
    return dropout(jax.nn.relu(y), rate, key), moved


def head(params, name, z, rate, key):
    hidden = dropout(jax.nn.relu(linear(params, f"{name}.0", z)), rate, key)
    return linear(params, f"{name}.3", hidden)


@jax.custom_vjp
def reverse_gradient(x, weight):
    return x


reverse_gradient.defvjp(lambda x, weight: (x, weight), lambda weight, dy: (-weight * dy, None))


def cross_entropy(logits, targets):
    return -(targets * jax.nn.log_softmax(logits, axis=1)).sum(axis=1).mean()


def loss(params, running, x, y, key, names, config):
    """Total loss of a batch whose first len(y) rows are labelled, and the moved running statistics."""
    keys = jax.random.split(key, len(names) + 4)
    moved, h = {}, []
    for name, encoder_key in zip(names, keys):
        product = linear(params, f"encoders.{name}.linear", x[name])
        projected, update = norm_relu_dropout(
            params, running, f"encoders.{name}.norm", product, config.dropout, encoder_key
        )
        h.append(projected)
        moved |= update
    h = jnp.stack(h, axis=1)
    flat = h.reshape(len(h), -1)
    logits = linear(params, "gate.2", jax.nn.relu(linear(params, "gate.0", flat)))
    weights = jax.nn.softmax(logits / params["gate.temperature"], axis=1)
    _, kept = jax.lax.top_k(jax.lax.stop_gradient(weights), min(config.top_k, len(names)))
    mask = jax.nn.one_hot(kept, len(names)).sum(axis=1)
    weights = weights * mask
    weights = weights / (weights.sum(axis=1, keepdims=True) + 1e-12)
    u = (weights[:, :, None] * h).reshape(len(h), -1)
    z, update = norm_relu_dropout(
        params, running, "fusion.norm", linear(params, "fusion.linear", u), config.dropout, keys[-1]
    )
    moved |= update
    rows = len(y)
    presence = cross_entropy(head(params, "presence", z, config.dropout, keys[-2])[:rows], y)
    salience = cross_entropy(head(params, "salience", z, config.dropout, keys[-3])[:rows], y)
    total = config.presence_weight * presence + config.salience_weight * salience
    if config.uda:
        reversed_z = reverse_gradient(z, config.reversal_weight)
        domain = head(params, "domain", reversed_z, config.dropout, keys[-4])
        target = jax.nn.one_hot((jnp.arange(len(h)) >= rows).astype(int), 2)
        total = total + config.domain_weight * cross_entropy(domain, target)
    return total, moved


@partial(jax.jit, static_argnames=("names", "config", "lr", "decay"), donate_argnums=(0, 1))
def train_step(state, running, x, y, step, *, names, config, lr, decay):
    """One step of Adam with an L2 penalty, as torch.optim.Adam."""
    key = jax.random.fold_in(jax.random.key(0), step)
    params = {name: p for name, (p, _, _) in state.items()}
    (total, moved), gradients = jax.value_and_grad(loss, has_aux=True)(
        params, running, x, y, key, names, config
    )
    t = step + 1
    step_size, root = lr / (1 - BETA1**t), jnp.sqrt(1 - BETA2**t)
    for name, (p, m, v) in state.items():
        g = gradients[name] + decay * p
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        p = p - step_size * m / (jnp.sqrt(v) / root + ADAM_EPS)
        if name == "gate.temperature":
            p = jnp.clip(p, config.temperature_min, config.temperature_max)
        state[name] = (p, m, v)
    return state, moved, total


def from_torch(net):
    """Parameters with zero moments, and running statistics, of a `model.FusionNet`."""
    trainable = {name for name, _ in net.named_parameters()}
    state, running = {}, {}
    for name, tensor in net.tensors().items():
        value = jnp.array(tensor.detach().numpy())
        if name in trainable:
            state[name] = (value, jnp.zeros_like(value), jnp.zeros_like(value))
        else:
            running[name] = value
    return state, running


def check() -> None:
    """Compares loss and gradients of a small model with PyTorch's."""
    import torch
    from model import Config, FusionNet

    torch.manual_seed(1)
    for uda in [False, True]:
        config = Config(dropout=0.0, top_k=3, uda=uda)
        widths = {f"enc{m}": 20 + 7 * m for m in range(6)}
        net = FusionNet(widths, 6, config)
        x = {name: torch.randn(32 if uda else 16, width) for name, width in widths.items()}
        y = torch.softmax(torch.randn(16, 6), dim=1)
        total = net.losses(net(x), y)["total"]
        total.backward()
        state, _ = from_torch(net)
        running = {name: jnp.array(b.numpy()) for name, b in net.named_buffers()}
        params = {name: p for name, (p, _, _) in state.items()}
        jax_x = {name: jnp.array(value.numpy()) for name, value in x.items()}
        (ours, _), gradients = jax.value_and_grad(loss, has_aux=True)(
            params, running, jax_x, jnp.array(y.numpy()), jax.random.key(0), tuple(widths), config
        )
        # A bias before batch norm has gradient 0 up to rounding: measured relative to the whole.
        norm = max(p.grad.norm().item() for p in net.parameters())
        worst = max(
            jnp.abs(gradients[name] - jnp.array(p.grad.numpy())).max().item() / norm
            for name, p in net.named_parameters()
        )
        off = abs(ours.item() - total.item())
        print(f"uda {uda}: loss {total.item():.6f}, off by {off:.1e}; gradients off by {worst:.1e}")
        assert off < 1e-5 and worst < 1e-5


if __name__ == "__main__":
    check()
