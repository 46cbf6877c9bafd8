package asymml.attest.source;

/// Evidence as its source gave it.
///
/// @param provider who made it: `tdx_guest`, `sev_guest` or `gramine`
/// @param evidence a quote or a report
/// @param certificates the host's table of certificates; empty if it gave none
@SuppressWarnings("ArrayRecordComponent") // Not compared.
public record RawEvidence(String provider, byte[] evidence, byte[] certificates) {}
