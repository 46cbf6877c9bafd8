package asymml.attest.intel;

import asymml.attest.EvidenceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/// What Intel's service signs about a kind of platform, as it came: one folder with fixed file
/// names. It expires after 30 days.
///
/// @param tcbInfo `tcb-info.json`
/// @param qeIdentity `qe-identity.json`
/// @param signingChain `tcb-signing-chain.pem`: the signer of both, and the root
/// @param pckCrl `pck-crl.der`
/// @param rootCrl `root-ca-crl.der`
public record Collateral(
    Optional<byte[]> tcbInfo,
    Optional<byte[]> qeIdentity,
    Optional<byte[]> signingChain,
    Optional<byte[]> pckCrl,
    Optional<byte[]> rootCrl) {
  /// File name of the TCB info.
  public static final String TCB_INFO = "tcb-info.json";

  /// File name of the identity of the quoting enclave.
  public static final String QE_IDENTITY = "qe-identity.json";

  /// File name of the certificates of the signer.
  public static final String SIGNING_CHAIN = "tcb-signing-chain.pem";

  /// File name of the revocation list of PCK certificates.
  public static final String PCK_CRL = "pck-crl.der";

  /// File name of the revocation list of CAs.
  public static final String ROOT_CRL = "root-ca-crl.der";

  /// The largest list that Intel has published is a few kilobytes.
  private static final int MOST_BYTES = 16 << 20;

  /// Reads a folder. Files that are missing are missing here too.
  ///
  /// @param folder of one kind of platform
  /// @return nothing of it is verified
  /// @throws IOException one line, if the folder is none, or a file cannot be read
  /// @throws EvidenceException if a file is too large
  public static Collateral read(Path folder) throws IOException, EvidenceException {
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          folder + " is no folder: expected one with " + TCB_INFO + " and the other collateral");
    }
    return new Collateral(
        file(folder.resolve(TCB_INFO)),
        file(folder.resolve(QE_IDENTITY)),
        file(folder.resolve(SIGNING_CHAIN)),
        file(folder.resolve(PCK_CRL)),
        file(folder.resolve(ROOT_CRL)));
  }

  private static Optional<byte[]> file(Path file) throws IOException, EvidenceException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES);
      if (in.read() >= 0) {
        throw new EvidenceException(
            "%s is larger than %s bytes: that is no collateral".formatted(file, MOST_BYTES));
      }
      return Optional.of(bytes);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }
}
