# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hybrid remembers between calls: keys and values of softmax attention, states of Gated DeltaNet."""

from typing import NamedTuple

import torch
from transformers.cache_utils import DynamicCache

SPARE = 64  # tokens that can be taken back (`crop`) when a window has forgotten older ones


class Places(NamedTuple):
    """Where tokens stand, each [B, N]: in which document of their row, and as which of its tokens. Padding is document
    −1."""

    documents: torch.Tensor
    orders: torch.Tensor

    def change(self, function):
        return Places(*(function(x) for x in self))

    def then(self, others):
        return Places(*(torch.cat(pair, dim=1) for pair in zip(self, others)))

    def last(self):
        """The last token of each row, [B, 1]; order −1 where there is none."""
        document = self.documents.amax(1, keepdim=True).clamp(min=0)
        return Places(document, torch.where(self.documents == document, self.orders, -1).amax(1, keepdim=True))


def places_after(last, real, starts):
    """Places of new tokens that follow `last`: `real` [B, T] tells tokens from padding, `starts` (or None) where a document
    begins."""
    index = real.long().cumsum(1) - 1
    began = -1 - last.orders  # so that the first one here stands after `last`
    documents = last.documents.expand_as(index)
    if starts is not None:
        began = torch.where(starts, index, began).cummax(1).values
        documents = documents + starts.long().cumsum(1)
    return Places(documents.masked_fill(~real, -1), (index - began).masked_fill(~real, 0))


class LayerMemory:
    """What one layer remembers: keys and values, [B, H, N, d], a recurrent state, [B, H, d, d], or both."""

    def __init__(self):
        self.keys = self.values = self.state = None

    def extend(self, keys, values, kept):
        """Adds new tokens; returns all, and remembers those that `kept` indexes (None: all)."""
        if self.keys is not None:
            keys, values = torch.cat((self.keys, keys), dim=2), torch.cat((self.values, values), dim=2)
        self.keys, self.values = keys, values
        if kept is not None:
            self.keys, self.values = (x.index_select(2, kept.to(x.device)) for x in (keys, values))
        return keys, values

    def change(self, function):
        for name, value in vars(self).items():
            if value is not None:
                setattr(self, name, function(value))


class InterleaveCache(DynamicCache):
    """The memories of all layers. It is what `generate()` and callers know as a DynamicCache, and a DynamicCache that is
    given becomes one: its owner passes the same object again.

    A window's keys that no later token sees are forgotten, in blocks: `slots` has, for each window, which tokens its layers
    still hold (None: all), and `floors` the least length that `crop` can go back to.
    """

    is_compileable = False
    is_initialized = True

    def __init__(self, config):
        # Not that of DynamicCache, whose fields differ from version to version; these are what its other methods read.
        self.layer_class_to_replicate, self.offloading = None, False
        self.operators = list(config.layer_operators)
        self.windows = [config.window_of(layer) for layer in range(config.num_hidden_layers)]
        self.reset()

    def reset(self):
        self.layers = [LayerMemory() for _ in self.operators]
        self.places, self.slots, self.floors, self.padded, self.packed = None, {}, {}, False, False

    @classmethod
    def of(cls, cache, config):
        """The cache to work with, for one that a caller gave."""
        if isinstance(cache, cls):
            return cache
        if type(cache) is not DynamicCache or getattr(cache, "offloading", False):
            kind = f"offloaded {type(cache).__name__}" if isinstance(cache, DynamicCache) else type(cache).__name__
            raise TypeError(f"past_key_values: this model takes a DynamicCache or an InterleaveCache, not {kind}")
        pairs = [pair[:2] for pair in cache]
        held = {layer: pair for layer, pair in enumerate(pairs) if pair[0] is not None and len(pair[0]) > 0}
        without = sorted(set(range(config.num_hidden_layers)) - set(held))
        recurrent = [layer for layer, name in enumerate(config.layer_operators) if "gdn" in name]
        if held and (recurrent or without):
            problem = (f"layer {recurrent[0]} is {config.layer_operators[recurrent[0]]!r}, whose state they do not give"
                       if recurrent else f"layer {without[0]} has none")
            raise ValueError(f"past_key_values: keys and values (a prefix) alone are not enough: {problem}")
        for name in ("key_cache", "value_cache"):  # transformers 4.51's
            vars(cache).pop(name, None)
        cache.__class__ = cls
        cls.__init__(cache, config)
        for layer, (keys, values) in held.items():
            cache.layers[layer].extend(keys, values, None)
        if held:
            order = torch.arange(keys.shape[2], device=keys.device).expand(keys.shape[0], -1)
            cache.places = Places(torch.zeros_like(order), order)
        return cache

    def add(self, new, reach):
        """Notes the places of new tokens; `reach` then counts those before them in."""
        self.places = new if self.places is None else self.places.then(new)
        self.padded, self.packed = self.padded or reach.padded, self.packed or reach.packed
        return reach._replace(padded=self.padded, packed=self.packed)

    def remember(self, window, count):
        """For the layers of a window, when `count` tokens were added: which tokens they hold now, and an index into those
        that they keep for later ones (None: all)."""
        (tokens, sinks), seen = window, self.get_seq_length()
        slots = torch.arange(seen - count if window in self.slots else 0, seen, device=self.places.orders.device)
        if window in self.slots:
            slots = torch.cat((self.slots[window], slots))
        self.slots[window] = slots
        if len(slots) <= tokens + sinks + 2 * SPARE:
            return slots, None
        last, held = self.places.last(), self.places.change(lambda x: x[:, slots])
        useful = (held.orders > last.orders - tokens - SPARE) | (held.orders < sinks)
        kept = (useful & (held.documents == last.documents)).any(0).nonzero()[:, 0]
        self.slots[window], self.floors[window] = slots[kept], seen - SPARE
        return slots, kept

    # What `generate()` asks of a cache.

    def __len__(self):
        return len(self.layers)

    def __iter__(self):
        return ((layer.keys, layer.values) for layer in self.layers)

    def __getitem__(self, layer):
        return self.layers[layer].keys, self.layers[layer].values

    def update(self, *args, **kwargs):
        raise TypeError("the layers of this model extend their cache themselves")

    def get_seq_length(self, layer_idx=0):
        return 0 if self.places is None else self.places.documents.shape[1]

    def get_max_length(self, layer_idx=None):
        return -1

    def get_max_cache_shape(self, layer_idx=0):
        return -1

    @property
    def is_croppable(self):
        return not any("gdn" in name for name in self.operators)

    @property
    def is_sliding(self):
        return [window is not None for window in self.windows]

    def activate_past_recording(self):
        """Nothing to do: the last SPARE tokens can always be taken back."""

    def crop(self, length):
        """Keeps the first `length` tokens or, where that is not above 0, all but the last `-length`."""
        seen = self.get_seq_length()
        length = min(length, seen) if length > 0 else max(seen + length, 0)
        if length == seen:
            return
        if length == 0:
            return self.reset()
        if not self.is_croppable:
            layer = next(i for i, name in enumerate(self.operators) if "gdn" in name)
            raise ValueError(f"a recurrent state cannot be cropped: layer {layer} is {self.operators[layer]!r}, so prompt "
                             "lookup, assisted decoding and contrastive search do not work with this hybrid")
        if length < max(self.floors.values(), default=0):
            raise ValueError(f"a sliding window cannot go back from {seen} tokens to {length}: what it saw there is "
                             f"forgotten; the least is {max(self.floors.values())}")
        for layer, window in zip(self.layers, self.windows):
            held = length if window not in self.slots else int((self.slots[window] < length).sum())
            layer.change(lambda x, held=held: x[:, :, :held])
        self.slots = {window: slots[slots < length] for window, slots in self.slots.items()}
        self.places = self.places.change(lambda x: x[:, :length])

    def change_rows(self, function):
        for layer in self.layers:
            layer.change(function)
        if self.places is not None:
            self.places = self.places.change(function)

    def reorder_cache(self, beam_idx):
        self.change_rows(lambda x: x.index_select(0, beam_idx.to(x.device)))

    def batch_select_indices(self, indices):
        self.change_rows(lambda x: x[indices.to(x.device)])

    def batch_repeat_interleave(self, repeats):
        self.change_rows(lambda x: x.repeat_interleave(repeats, dim=0))
