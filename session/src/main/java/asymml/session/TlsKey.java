package asymml.session;

import java.nio.file.Path;

/// By which this side proves who it is to a remote worker that asks for it.
///
/// @param keystore a PKCS12 file with a certificate and its key
/// @param passwordFile its first line is the keystore's password
public record TlsKey(Path keystore, Path passwordFile) {}
