package asymml.attest;

/// The steps of verification that can fail and the rules that can refuse, by name.
public enum Problem {
  /// The quote names its platform without certificates.
  NO_PCK_CHAIN("no PCK certificate chain in the quote"),
  /// The chain of the PCK certificate does not hold.
  PCK_CHAIN("PCK certificate chain"),
  /// A chain ends in another root than the vendor's.
  UNTRUSTED_ROOT("untrusted root"),
  /// By the owner's clock.
  PCK_EXPIRED("PCK certificate expired"),
  /// By the owner's clock.
  PCK_NOT_YET_VALID("PCK certificate not yet valid"),
  /// By the owner's clock.
  PCK_CA_EXPIRED("PCK CA certificate expired"),
  /// By the owner's clock.
  PCK_CA_NOT_YET_VALID("PCK CA certificate not yet valid"),
  /// By the owner's clock.
  ROOT_EXPIRED("root certificate expired"),
  /// By the owner's clock.
  ROOT_NOT_YET_VALID("root certificate not yet valid"),
  /// The PCK certificate is on its CA's list.
  PCK_REVOKED("PCK certificate revoked"),
  /// The PCK's CA is on the root's list.
  PCK_CA_REVOKED("PCK CA certificate revoked"),
  /// The TCB signer is on the root's list.
  TCB_SIGNER_REVOKED("TCB signing certificate revoked"),
  /// Revocation of PCK certificates is unknown.
  PCK_CRL_MISSING("pck-crl missing"),
  /// It names another issuer than the PCK's.
  PCK_CRL_OTHER_CA("pck-crl of the other CA"),
  /// Not signed by the PCK's issuer.
  PCK_CRL_SIGNATURE("pck-crl.der signature"),
  /// By the owner's clock.
  PCK_CRL_EXPIRED("pck-crl.der expired"),
  /// By the owner's clock.
  PCK_CRL_NOT_YET_VALID("pck-crl.der not yet valid"),
  /// Revocation of CAs is unknown.
  ROOT_CRL_MISSING("root-ca-crl missing"),
  /// Not signed by the root.
  ROOT_CRL_SIGNATURE("root-ca-crl.der signature"),
  /// By the owner's clock.
  ROOT_CRL_EXPIRED("root-ca-crl.der expired"),
  /// By the owner's clock.
  ROOT_CRL_NOT_YET_VALID("root-ca-crl.der not yet valid"),
  /// The folder of collateral was not given.
  COLLATERAL_MISSING("collateral missing"),
  /// The chain of the key that signs TCB info and QE identity does not hold.
  TCB_SIGNING_CHAIN("tcb-signing-chain"),
  /// By the owner's clock.
  TCB_SIGNER_EXPIRED("TCB signing certificate expired"),
  /// By the owner's clock.
  TCB_SIGNER_NOT_YET_VALID("TCB signing certificate not yet valid"),
  /// Not signed by the TCB signer.
  TCB_INFO_SIGNATURE("tcb-info signature"),
  /// Signed, but not of the form this program knows.
  TCB_INFO_UNREADABLE("tcb-info unreadable"),
  /// By the owner's clock.
  TCB_INFO_EXPIRED("tcb-info expired"),
  /// By the owner's clock.
  TCB_INFO_NOT_YET_VALID("tcb-info not yet valid"),
  /// SGX for TDX or the reverse.
  TCB_INFO_OTHER_TEE("TCB info of the other TEE"),
  /// Of another kind of processor.
  TCB_INFO_OTHER_FMSPC("TCB info of another FMSPC"),
  /// Of another provisioning certification enclave.
  TCB_INFO_OTHER_PCE("TCB info of another PCE"),
  /// Not signed by the TCB signer.
  QE_IDENTITY_SIGNATURE("qe-identity signature"),
  /// Signed, but not of the form this program knows.
  QE_IDENTITY_UNREADABLE("qe-identity unreadable"),
  /// By the owner's clock.
  QE_IDENTITY_EXPIRED("qe-identity expired"),
  /// By the owner's clock.
  QE_IDENTITY_NOT_YET_VALID("qe-identity not yet valid"),
  /// QE for TD_QE or the reverse.
  QE_IDENTITY_OTHER_TEE("QE identity of the other TEE"),
  /// TCB info and QE identity are of different evaluations.
  EVALUATIONS_DIFFER("TCB evaluation numbers differ"),
  /// The PCK did not sign the quoting enclave's report.
  QE_REPORT_SIGNATURE("QE report signature"),
  /// The quoting enclave's report does not name the attestation key.
  ATTESTATION_KEY_BINDING("attestation key binding"),
  /// No point of the curve.
  ATTESTATION_KEY("attestation key"),
  /// Another enclave than Intel's.
  QE_NOT_INTELS("quoting enclave differs from QE identity"),
  /// The attestation key did not sign the body.
  QUOTE_SIGNATURE("quote signature"),
  /// The TDX module is none that the TCB info lists.
  TDX_MODULE("TDX module differs from TCB info"),
  /// The TCB status could not be found.
  TCB_UNKNOWN("TCB status unknown"),

  /// The report was not signed by the VEK's key.
  REPORT_SIGNATURE("report signature"),
  /// The report says that nobody signed it.
  NOT_SIGNED("report without signing key"),
  /// No processor that this program knows.
  UNKNOWN_PRODUCT("unknown product"),
  /// No VEK certificate was given.
  VEK_MISSING("VEK certificate missing"),
  /// The chain of the VEK does not hold for the product.
  VEK_CHAIN("VEK not signed by the ASK/ASVK of this product"),
  /// By the owner's clock.
  VEK_EXPIRED("VEK expired"),
  /// By the owner's clock.
  VEK_NOT_YET_VALID("VEK not yet valid"),
  /// By the owner's clock.
  ASK_EXPIRED("ASK/ASVK expired"),
  /// By the owner's clock.
  ASK_NOT_YET_VALID("ASK/ASVK not yet valid"),
  /// VCEK for VLEK or the reverse.
  VEK_KIND("VEK of another kind than the report says"),
  /// The report claims another TCB than its key was made for.
  REPORTED_TCB("reported TCB differs from certificate extensions"),
  /// The key is of another chip.
  CHIP_ID("chip id differs from certificate hwID"),
  /// The report does not say its chip.
  CHIP_ID_MASKED("chip id masked"),
  /// Not signed by the ARK.
  ARK_CRL_SIGNATURE("ARK CRL signature"),
  /// By the owner's clock.
  ARK_CRL_EXPIRED("ARK CRL expired"),
  /// By the owner's clock.
  ARK_CRL_NOT_YET_VALID("ARK CRL not yet valid"),
  /// The ASK or ASVK is on the ARK's list.
  ASK_REVOKED("ASK/ASVK revoked"),

  /// The chain of the GPU's certificate does not hold.
  GPU_CHAIN("chain"),
  /// The GPU's key did not sign the report.
  GPU_SIGNATURE("signature"),

  /// The policy accepts nothing of this TEE.
  NO_IDENTITY("no identity accepted"),
  /// None of the accepted identities.
  IDENTITY("identity not accepted"),
  /// Debuggable, so nothing in it is private.
  DEBUG("debug"),
  /// Of the platform.
  TCB("TCB"),
  /// Older than the policy's.
  EVALUATION_TOO_LOW("TCB evaluation number too low"),
  /// Valid, but older than the policy allows.
  COLLATERAL_TOO_OLD("collateral too old"),
  /// Not one of the named machines.
  PLATFORM("platform not accepted"),
  /// The hypervisor may cause exceptions that the guest handles.
  SEPT_VE("SEPT_VE_DISABLE off"),
  /// The TD can be moved to another machine.
  MIGRATABLE("MIGRATABLE on"),
  /// A migration agent may move the guest.
  MIGRATION_AGENT("migration agent"),
  /// Not the privilege level of the identity.
  VMPL("VMPL"),
  /// A processor that the policy leaves out.
  PRODUCT("product not accepted"),
  /// SVNs below the policy's.
  MINIMUM_TCB("TCB below the minimum"),
  /// The evidence is not about this request.
  REPORT_DATA("report data"),
  /// A kind of evidence that no policy accepts.
  GPU_NOT_TEE("GPU report"),

  /// A message of the key release that cannot be read.
  REQUEST("request"),
  /// Not the owner's nonce, or used before.
  NONCE("nonce"),
  /// Too late after the owner's nonce.
  NONCE_EXPIRED("nonce expired"),
  /// The key is asked for something else.
  PURPOSE("purpose"),
  /// No usable X25519 key.
  EPHEMERAL_KEY("ephemeral key"),
  /// Evidence or its certificates cannot be read.
  EVIDENCE_UNREADABLE("evidence unreadable"),
  /// The declared configuration cannot be read.
  CONFIGURATION("configuration"),
  /// The declared configuration is more than the policy allows.
  RUN("run");

  private final String label;

  Problem(String label) {
    this.label = label;
  }

  /// The name.
  ///
  /// @return as messages show it
  public String label() {
    return label;
  }
}
