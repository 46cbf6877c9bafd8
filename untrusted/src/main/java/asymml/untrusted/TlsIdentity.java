package asymml.untrusted;

import asymml.wire.ProtocolException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/// The certificate and key by which a trainer recognises this worker.
final class TlsIdentity {
  private TlsIdentity() {}

  /// Loads them.
  ///
  /// @param keystore a PKCS12 file
  /// @param passwordFile its first line is the password
  /// @return a context that presents them
  /// @throws ProtocolException if a file cannot be read or used
  static SSLContext load(Path keystore, Path passwordFile) throws ProtocolException {
    try (InputStream in = Files.newInputStream(keystore)) {
      List<String> lines = Files.readAllLines(passwordFile);
      char[] password = lines.isEmpty() ? new char[0] : lines.getFirst().toCharArray();
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(in, password);
      KeyManagerFactory managers = KeyManagerFactory.getInstance("PKIX");
      managers.init(keys, password);
      Arrays.fill(password, '\0');
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(managers.getKeyManagers(), null, null);
      return context;
    } catch (IOException | GeneralSecurityException e) {
      throw new ProtocolException(
          "cannot use "
              + keystore
              + " with the password in "
              + passwordFile
              + ": "
              + e.getClass().getSimpleName()
              + " "
              + e.getMessage(),
          e);
    }
  }
}
