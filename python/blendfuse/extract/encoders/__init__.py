"""The encoders, one file a family; a family is imported when one of its encoders is used."""

from __future__ import annotations

from importlib import import_module

from ..errors import ExtractError
from ..registry import EncoderSpec
from .base import Encoder, LoadOptions

# The module and class of each family of the table.
FAMILIES = {
    "clap": "clap:Clap",
    "emotion2vec": "emotion2vec:Emotion2vec",
    "faces": "faces:create",
    "hicmae": "hicmae:Hicmae",
    "imagebind": "imagebind:ImageBind",
    "internvl": "internvl:InternVl",
    "open_clip": "open_clip_images:OpenClipImages",
    "openface": "openface:create",
    "opensmile": "opensmile_features:OpenSmile",
    "pitch": "pitch:create",
    "resemblyzer": "resemblyzer_voice:Resemblyzer",
    "s3prl": "s3prl_speech:S3prlSpeech",
    "silero": "silero:Silero",
    "speech": "speech:Speech",
    "timm": "timm_images:TimmImages",
    "torchvision_video": "torchvision_video:VideoSwin",
    "transformers_image": "transformers_images:TransformersImages",
    "videomae": "videomae:create",
}


def load(spec: EncoderSpec, options: LoadOptions) -> Encoder:
    """The encoder of a row of the table, with its model in memory.

    Raises:
        ExtractError: if a package, its weights or its code are missing or do not fit.
    """
    if spec.family not in FAMILIES:
        raise ExtractError(f"{spec.name}: cannot be extracted: {spec.source}; {spec.note or 'see --list'}")
    module, _, make = FAMILIES[spec.family].partition(":")
    encoder: Encoder = getattr(import_module(f"{__package__}.{module}"), make)(spec, options)
    return encoder


__all__ = ["FAMILIES", "Encoder", "LoadOptions", "load"]
