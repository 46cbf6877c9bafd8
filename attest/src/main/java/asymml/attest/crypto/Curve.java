package asymml.attest.crypto;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// ECDSA over the two curves of the vendors, with raw keys and signatures: `x || y` and `r || s`,
/// big endian.
public enum Curve {
  /// Intel's: P-256 with SHA-256.
  P256("secp256r1", "SHA256withECDSAinP1363Format", 32),
  /// AMD's and NVIDIA's: P-384 with SHA-384.
  P384("secp384r1", "SHA384withECDSAinP1363Format", 48);

  private final String algorithm;
  private final int size;

  @SuppressWarnings("ImmutableEnumChecker") // of the JDK, never changed
  private final ECParameterSpec parameters;

  Curve(String name, String algorithm, int size) {
    this.algorithm = algorithm;
    this.size = size;
    try {
      AlgorithmParameters all = AlgorithmParameters.getInstance("EC");
      all.init(new ECGenParameterSpec(name));
      parameters = all.getParameterSpec(ECParameterSpec.class);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks " + name, e);
    }
  }

  /// The size of a coordinate.
  ///
  /// @return bytes
  public int size() {
    return size;
  }

  /// A public key.
  ///
  /// @param raw `x || y`
  /// @return null if that is no point of the curve, which the JDK's factory would accept
  public @Nullable PublicKey key(byte[] raw) {
    if (raw.length != 2 * size) {
      throw new IllegalArgumentException("a key has %s bytes: %s".formatted(2 * size, raw.length));
    }
    ECPoint point =
        new ECPoint(
            new BigInteger(1, Arrays.copyOf(raw, size)),
            new BigInteger(1, Arrays.copyOfRange(raw, size, 2 * size)));
    if (!has(point)) {
      return null;
    }
    try {
      return KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, parameters));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("a point of the curve is refused", e);
    }
  }

  private boolean has(ECPoint point) {
    BigInteger p = ((ECFieldFp) parameters.getCurve().getField()).getP();
    BigInteger x = point.getAffineX();
    BigInteger y = point.getAffineY();
    if (x.compareTo(p) >= 0 || y.compareTo(p) >= 0) {
      return false;
    }
    BigInteger right =
        x.pow(3).add(parameters.getCurve().getA().multiply(x)).add(parameters.getCurve().getB());
    return y.multiply(y).subtract(right).mod(p).signum() == 0;
  }

  /// Whether a key of a certificate is a point of this curve.
  ///
  /// @param key of any kind
  /// @return true if it can be used here
  public boolean has(PublicKey key) {
    return key instanceof ECPublicKey ec
        && ec.getParams().getCurve().equals(parameters.getCurve())
        && ec.getParams().getGenerator().equals(parameters.getGenerator())
        && has(ec.getW());
  }

  /// Verifies a signature. `(r, n - s)` holds where `(r, s)` does, so that no signature, and no
  /// digest of what holds one, identifies anything.
  ///
  /// @param key of the signer
  /// @param data what was signed
  /// @param signature `r || s`
  /// @return whether it holds; false too for a key of another curve and for `r` or `s` out of range
  public boolean verifies(PublicKey key, byte[] data, byte[] signature) {
    if (!has(key) || signature.length != 2 * size) {
      return false;
    }
    if (!inRange(Arrays.copyOf(signature, size))
        || !inRange(Arrays.copyOfRange(signature, size, 2 * size))) {
      return false;
    }
    try {
      Signature verifier = Signature.getInstance(algorithm);
      verifier.initVerify(key);
      verifier.update(data);
      return verifier.verify(signature);
    } catch (SignatureException | InvalidKeyException e) {
      return false;
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("this Java lacks " + algorithm, e);
    }
  }

  private boolean inRange(byte[] scalar) {
    BigInteger value = new BigInteger(1, scalar);
    return value.signum() > 0 && value.compareTo(parameters.getOrder()) < 0;
  }
}
