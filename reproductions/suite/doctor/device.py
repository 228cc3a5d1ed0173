"""What will compute: Keras' backend, and what it finds."""

from common.errors import UserError
from reproductions.suite.doctor.findings import Findings


def look(findings: Findings) -> None:
    """Imports Keras and its backend, and tells what they are."""
    try:
        from common.quiet import import_keras

        where = import_keras()
        import keras

        from common import backend
    except UserError as error:
        findings.wrong("Keras' backend", str(error))
        return
    except Exception as error:
        reason = " ".join(str(error).split())
        findings.wrong("Keras' backend", f"cannot be imported: {type(error).__name__}: {reason}")
        return
    findings.good("Keras", f"{keras.__version__}, with {keras.config.backend()}")
    for name, fact in backend.facts().items():
        findings.good(name, fact)
    findings.good("computes", where)
