package asymml.attest.amd;

import asymml.attest.crypto.Roots;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A generation of processors: each has a root key of its own.
public enum Product {
  /// EPYC 7003.
  MILAN,
  /// EPYC 9004, with Bergamo and Siena.
  GENOA,
  /// EPYC 9005.
  TURIN;

  /// The name in lower case.
  ///
  /// @return as policies write it
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /// The name as AMD's certificates write it.
  ///
  /// @return for example `Milan`
  String certificateName() {
    return name().charAt(0) + label().substring(1);
  }

  /// By name.
  ///
  /// @param label as [#label] writes it
  /// @return empty if there is none
  public static Optional<Product> named(String label) {
    return Arrays.stream(values()).filter(p -> p.label().equals(label)).findFirst();
  }

  /// Of the processor that a report of version 3 or later names (AMD 56860, table 23).
  ///
  /// @param family of CPUID
  /// @param model of CPUID
  /// @return empty if this program does not know it
  static Optional<Product> of(int family, int model) {
    if (family == 0x19) {
      if (model <= 0xf) {
        return Optional.of(MILAN);
      }
      return (model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf)
          ? Optional.of(GENOA)
          : Optional.empty();
    }
    return family == 0x1a && model <= 0x11 ? Optional.of(TURIN) : Optional.empty();
  }

  /// Of the certificate that signed a VEK.
  ///
  /// @param commonName for example `SEV-VLEK-Milan`
  /// @return empty if it names none
  static Optional<Product> issuing(String commonName) {
    return Arrays.stream(values())
        .filter(p ->
            commonName.equals(p.issuer(SigningKey.VCEK))
                || commonName.equals(p.issuer(SigningKey.VLEK)))
        .findFirst();
  }

  /// The common name of what signs VEKs.
  String issuer(SigningKey key) {
    return (key == SigningKey.VLEK ? "SEV-VLEK-" : "SEV-") + certificateName();
  }

  /// AMD's certificates that come with this program: ASK, ARK, ASVK.
  List<X509Certificate> certificates() {
    return Roots.amd(label());
  }
}
