package asymml.attest.release;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.LittleEndian;
import asymml.attest.policy.Evidence;
import asymml.attest.source.RawEvidence;
import java.util.Locale;

/// The TEE in which a trainer must run: with evidence of another it asks for no key.
public enum RequiredTee {
  /// An enclave of SGX.
  SGX,
  /// A trust domain of TDX.
  TDX,
  /// A guest of SEV-SNP.
  SNP;

  private static final int TDX_TYPE = 0x81;

  /// How it is written.
  ///
  /// @return `sgx`, `tdx` or `snp`
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// Refuses evidence of another TEE. Nothing of it is verified: that is the owner's.
  ///
  /// @param evidence of this process
  /// @throws EvidenceException one line, if it is of another, or cannot be read
  void require(RawEvidence evidence) throws EvidenceException {
    RequiredTee found =
        switch (Evidence.kind(evidence.evidence())) {
          case QUOTE -> quoted(evidence.evidence());
          case SNP -> SNP;
          case GPU -> throw new EvidenceException("a GPU's report makes no process trusted");
        };
    if (found != this) {
      throw new EvidenceException(
          "this process has evidence of %s, and %s is required".formatted(found.label(), label()));
    }
  }

  /// By the header alone: version, and from version 4 on the type of TEE.
  private static RequiredTee quoted(byte[] quote) throws EvidenceException {
    if (LittleEndian.read(quote, 0, 2) <= 3) {
      return SGX;
    }
    long type = quote.length < 8 ? -1 : LittleEndian.read(quote, 4, 4);
    if (type != 0 && type != TDX_TYPE) {
      throw new EvidenceException("a quote of the unknown TEE type " + type);
    }
    return type == 0 ? SGX : TDX;
  }
}
