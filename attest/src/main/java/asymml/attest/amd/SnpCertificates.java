package asymml.attest.amd;

import asymml.attest.EvidenceException;
import asymml.attest.crypto.Certificates;
import asymml.attest.crypto.LittleEndian;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Certificates that came with a report, from files or from the host.
///
/// @param vek of the key that signed the report; null if there was none
/// @param intermediates ASKs and ASVKs beside those that this program has
/// @param crl revocation list of the ARK; null if there was none
public record SnpCertificates(
    @Nullable X509Certificate vek, List<X509Certificate> intermediates, @Nullable X509CRL crl) {
  private static final int ENTRY = 24;
  private static final int MOST_ENTRIES = 64;

  private static final String VCEK = "63da758de6644564adc5f4b93be8accd";
  private static final String VLEK = "a8074bc2a25a483eaae639c045a0b8a1";
  private static final String ASK = "4ab7b379bbac4fe4a02f05aef327c782";
  private static final String CRL = "92f81bc358114d3d97ffd19f88dc67ea";

  /// Copies the list.
  public SnpCertificates {
    intermediates = List.copyOf(intermediates);
  }

  /// Of a VEK alone: the rest comes with this program.
  ///
  /// @param vek DER or PEM of one certificate
  /// @return without intermediates
  /// @throws EvidenceException if it cannot be read
  public static SnpCertificates of(byte[] vek) throws EvidenceException {
    return new SnpCertificates(Certificates.one(vek, "the VEK certificate"), List.of(), null);
  }

  /// None.
  ///
  /// @return with nothing
  public static SnpCertificates none() {
    return new SnpCertificates(null, List.of(), null);
  }

  /// Reads a host's certificate table (`auxblob` of configfs-tsm): entries of GUID, offset and
  /// length, ended by a zero GUID; certificates in DER or PEM. All of it is hostile.
  ///
  /// @param table all of it; an empty one is none
  /// @param key which of VCEK and VLEK the report wants, where a table has both
  /// @return what is needed of it
  /// @throws EvidenceException if an entry lies outside, or a certificate cannot be read
  public static SnpCertificates table(byte[] table, SigningKey key) throws EvidenceException {
    @Nullable X509Certificate vek = null;
    @Nullable X509CRL crl = null;
    List<X509Certificate> intermediates = new ArrayList<>();
    for (int i = 0; table.length > 0; i++) {
      if (i == MOST_ENTRIES || (i + 1) * ENTRY > table.length) {
        throw new EvidenceException(
            "the certificate table has no end after %s entries".formatted(i));
      }
      String guid = HexFormat.of().formatHex(table, i * ENTRY, i * ENTRY + 16);
      if (guid.equals("0".repeat(32))) {
        break;
      }
      byte[] content = content(table, i);
      switch (guid) {
        case VCEK -> {
          if (key == SigningKey.VCEK) {
            vek = Certificates.one(content, "VCEK of the certificate table");
          }
        }
        case VLEK -> {
          if (key == SigningKey.VLEK) {
            vek = Certificates.one(content, "VLEK of the certificate table");
          }
        }
        case ASK -> intermediates.add(Certificates.one(content, "ASK of the certificate table"));
        case CRL -> crl = Certificates.crl(content, "CRL of the certificate table");
        default -> {
          // The ARK must be the one that this program has; others are for other readers.
        }
      }
    }
    return new SnpCertificates(vek, intermediates, crl);
  }

  private static byte[] content(byte[] table, int entry) throws EvidenceException {
    long offset = LittleEndian.read(table, entry * ENTRY + 16, 4);
    long length = LittleEndian.read(table, entry * ENTRY + 20, 4);
    if (offset + length > table.length) {
      throw new EvidenceException(
          "entry %s of the certificate table is at %s with %s bytes; the table has %s"
              .formatted(entry, offset, length, table.length));
    }
    return Arrays.copyOfRange(table, (int) offset, (int) (offset + length));
  }
}
