package asymml.attest.amd;

/// The kind of key that signed a report.
public enum SigningKey {
  /// Versioned chip endorsement key: of one chip.
  VCEK,
  /// Versioned loaded endorsement key: of a cloud provider.
  VLEK,
  /// The report is not signed.
  NONE,
  /// A value that AMD has not assigned.
  UNKNOWN
}
