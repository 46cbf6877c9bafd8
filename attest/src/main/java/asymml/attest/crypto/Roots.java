package asymml.attest.crypto;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;

/// The vendors' certificates that come with this program.
public final class Roots {
  private Roots() {}

  /// Intel's root of SGX and TDX.
  ///
  /// @return the certificate
  public static X509Certificate intel() {
    return read("intel-sgx-root-ca.pem").getFirst();
  }

  /// NVIDIA's root of device identities.
  ///
  /// @return the certificate
  public static X509Certificate nvidia() {
    return read("nvidia-device-identity-ca.pem").getFirst();
  }

  /// AMD's certificates of a product.
  ///
  /// @param product `milan`, `genoa` or `turin`
  /// @return ASK, ARK, ASVK
  public static List<X509Certificate> amd(String product) {
    return read("amd-" + product + ".pem");
  }

  private static List<X509Certificate> read(String file) {
    try (InputStream in = Roots.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new IllegalStateException("not packed: " + file);
      }
      String text = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
      // A line in front says where they are from.
      byte[] pem = text.substring(text.indexOf("-----BEGIN")).getBytes(StandardCharsets.US_ASCII);
      return Certificates.pem(pem, file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (EvidenceException e) {
      throw new IllegalStateException("not readable: " + file, e);
    }
  }
}
