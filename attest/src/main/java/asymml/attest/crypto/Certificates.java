package asymml.attest.crypto;

import asymml.attest.EvidenceException;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.cert.CRLException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/// Certificates and revocation lists as hostile bytes.
public final class Certificates {
  private static final String BEGIN = "-----BEGIN CERTIFICATE-----";
  private static final String END = "-----END CERTIFICATE-----";
  private static final Pattern COMMON_NAME = Pattern.compile("(?:^|,)CN=([^,]*)");

  private Certificates() {}

  private static CertificateFactory factory() {
    try {
      return CertificateFactory.getInstance("X.509");
    } catch (CertificateException e) {
      throw new IllegalStateException("this Java lacks X.509", e);
    }
  }

  /// A certificate.
  ///
  /// @param der its DER, and nothing else
  /// @param name for errors
  /// @return the certificate
  /// @throws EvidenceException if it cannot be read
  public static X509Certificate der(byte[] der, String name) throws EvidenceException {
    ByteArrayInputStream in = new ByteArrayInputStream(der);
    X509Certificate certificate;
    try {
      certificate = (X509Certificate) factory().generateCertificate(in);
      // Decodes what the constructor leaves for later.
      if (certificate.getPublicKey() == null) {
        throw new EvidenceException(name + " has no public key");
      }
    } catch (CertificateException | RuntimeException e) {
      // The JDK's parser throws unchecked exceptions on some damaged encodings.
      throw new EvidenceException(name + " is no certificate: " + reason(e), e);
    }
    if (in.available() > 0) {
      throw new EvidenceException("%s has %s bytes too many".formatted(name, in.available()));
    }
    requireWholeSignature(der, name);
    return certificate;
  }

  /// Java takes a signature whose last bits are declared unused if they are zero: two encodings of
  /// one certificate. DER of whole bytes has one.
  private static void requireWholeSignature(byte[] der, String name) throws EvidenceException {
    DerValue signature = DerValue.read(der).sequence(name).getLast();
    if (signature.tag() != DerValue.BITS
        || signature.content().length == 0
        || signature.content()[0] != 0) {
      throw new EvidenceException(name + " is no certificate: its signature has unused bits");
    }
  }

  private static String reason(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("no reason given");
  }

  /// Certificates of a PEM text, with nothing but line ends and NULs between and after them.
  ///
  /// @param text ASCII
  /// @param name for errors
  /// @return in order; may be empty
  /// @throws EvidenceException if there is anything else
  public static List<X509Certificate> pem(byte[] text, String name) throws EvidenceException {
    String all = new String(text, StandardCharsets.ISO_8859_1);
    List<X509Certificate> found = new ArrayList<>();
    int at = 0;
    while (at < all.length()) {
      if ("\r\n\0".indexOf(all.charAt(at)) >= 0) {
        at++;
        continue;
      }
      int end = all.startsWith(BEGIN, at) ? all.indexOf(END, at) : -1;
      if (end < 0) {
        throw new EvidenceException(
            "%s is no PEM at offset %s: expected %s ... %s".formatted(name, at, BEGIN, END));
      }
      String label = name + ", certificate " + (found.size() + 1);
      found.add(der(base64(all.substring(at + BEGIN.length(), end), label), label));
      at = end + END.length();
    }
    return found;
  }

  private static byte[] base64(String text, String name) throws EvidenceException {
    String digits = text.replace("\r", "").replace("\n", "");
    byte[] decoded;
    try {
      decoded = Base64.getDecoder().decode(digits);
    } catch (IllegalArgumentException e) {
      throw new EvidenceException(name + " is no base64: " + reason(e), e);
    }
    // The decoder ignores the unused bits of the last digit.
    if (!Base64.getEncoder().encodeToString(decoded).equals(digits)) {
      throw new EvidenceException(name + " is no canonical base64");
    }
    return decoded;
  }

  /// One certificate, in PEM or DER.
  ///
  /// @param bytes PEM if it begins as such
  /// @param name for errors
  /// @return the certificate
  /// @throws EvidenceException if it is none, or several
  public static X509Certificate one(byte[] bytes, String name) throws EvidenceException {
    if (bytes.length == 0 || bytes[0] != '-') {
      return der(bytes, name);
    }
    List<X509Certificate> all = pem(bytes, name);
    if (all.size() != 1) {
      throw new EvidenceException(
          "%s holds %s certificates, expected one".formatted(name, all.size()));
    }
    return all.getFirst();
  }

  /// A revocation list.
  ///
  /// @param der its DER, and nothing else
  /// @param name for errors
  /// @return the list
  /// @throws EvidenceException if it cannot be read
  public static X509CRL crl(byte[] der, String name) throws EvidenceException {
    ByteArrayInputStream in = new ByteArrayInputStream(der);
    X509CRL list;
    try {
      list = (X509CRL) factory().generateCRL(in);
    } catch (CRLException | RuntimeException e) {
      // As with certificates.
      throw new EvidenceException(name + " is no revocation list: " + reason(e), e);
    }
    if (in.available() > 0) {
      throw new EvidenceException("%s has %s bytes too many".formatted(name, in.available()));
    }
    if (list.getNextUpdate() == null) {
      throw new EvidenceException(name + " has no nextUpdate");
    }
    return list;
  }

  /// Whether a list is signed by a certificate's key.
  ///
  /// @param list a revocation list
  /// @param issuer whose key
  /// @return true if the signature holds
  public static boolean isSignedBy(X509CRL list, X509Certificate issuer) {
    try {
      list.verify(issuer.getPublicKey());
      return true;
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /// The common name of a subject or issuer.
  ///
  /// @param name of a certificate
  /// @return empty if it has none
  public static String commonName(X500Principal name) {
    Matcher found = COMMON_NAME.matcher(name.getName(X500Principal.RFC2253));
    return found.find() ? found.group(1) : "";
  }

  /// Whether the last certificate of a chain is a root: vendors issue theirs again, with the same
  /// key.
  ///
  /// @param certificate the last of a chain
  /// @param root that is trusted
  /// @return true if it is of the root's key, and signed with it
  public static boolean isRoot(X509Certificate certificate, X509Certificate root) {
    if (!Arrays.equals(certificate.getPublicKey().getEncoded(), root.getPublicKey().getEncoded())) {
      return false;
    }
    try {
      certificate.verify(root.getPublicKey());
      return true;
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /// The value of an extension.
  ///
  /// @param certificate that may have it
  /// @param oid its name
  /// @return the bytes in its OCTET STRING; null if there is no such extension
  /// @throws EvidenceException if it is no OCTET STRING
  public static byte @Nullable [] extension(X509Certificate certificate, String oid)
      throws EvidenceException {
    byte @Nullable [] value = certificate.getExtensionValue(oid);
    if (value == null) {
      return null;
    }
    DerValue octets = DerValue.read(value);
    if (octets.tag() != DerValue.OCTETS) {
      throw new EvidenceException("the extension " + oid + " is no octet string");
    }
    return octets.content();
  }
}
