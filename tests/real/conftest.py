"""The real engines: vLLM in this process, `vllm serve` on loopback, transformers beside them.

They need vLLM, which has an environment of its own: `make test-engines`. Elsewhere these tests are skipped.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

START_S = 240
MEMORY = "0.25"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def qwen(tmp_path_factory) -> Path:
    """A Qwen2 of 0.9 M parameters with random weights and a byte-level vocabulary without BOS."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("qwen")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|endoftext|>": 0} | {char: i + 1 for i, char in enumerate(alphabet)}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = transformers.Qwen2ForCausalLM(config)
    with torch.no_grad():  # bytes that are no printable ASCII are unlikely, so that texts are text
        rare = [i for char, i in vocabulary.items() if not (len(char) == 1 and "!" <= char <= "~")]
        model.get_input_embeddings().weight[rare] *= 0.05
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Server:
    """`vllm serve`, which can be killed and started again on the same port."""

    def __init__(self, model: Path, log: Path) -> None:
        self.model, self.log = model, log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
            *("--model", str(self.model), "--served-model-name", "small"),
            *("--dtype", "float32", "--enforce-eager", "--max-logprobs", "20"),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--gpu-memory-utilization", MEMORY),
        ]
        environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_S
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"vllm serve did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.5)

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="session")
def server(qwen, tmp_path_factory):
    pytest.importorskip("vllm")
    found = Server(qwen, tmp_path_factory.mktemp("serve") / "log")
    found.start()
    yield found
    found.kill()


@pytest.fixture(scope="session")
def engines(qwen, server):
    """All three real engines on one model."""
    import torch

    from titrant.engines.openai import OpenAIEngine
    from titrant.engines.transformers import TransformersEngine
    from titrant.engines.vllm import VllmEngine
    from titrant.settings import BaseSettings, PromptSettings, ServerSettings

    torch.set_num_threads(1)
    base = BaseSettings(path=str(qwen), dtype="float32")
    return {
        "vllm": VllmEngine.load(base),
        "openai": OpenAIEngine.connect(
            "small", ServerSettings(url=server.url, retries=2), PromptSettings()
        ),
        "transformers": TransformersEngine.load(base),
    }
