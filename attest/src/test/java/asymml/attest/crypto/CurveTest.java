package asymml.attest.crypto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.attest.EvidenceException;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CurveTest {
  private static final byte[] DATA = {1, 2, 3};

  private KeyPair keys;

  @BeforeEach
  void keys_are_drawn() throws Exception {
    keys = KeyPairGenerator.getInstance("EC").generateKeyPair();
  }

  private byte[] signature(Curve curve) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec(curve == Curve.P256 ? "secp256r1" : "secp384r1"));
    keys = generator.generateKeyPair();
    Signature signer =
        Signature.getInstance(
            (curve == Curve.P256 ? "SHA256" : "SHA384") + "withECDSAinP1363Format");
    signer.initSign(keys.getPrivate());
    signer.update(DATA);
    return signer.sign();
  }

  private byte[] raw(Curve curve) {
    byte[] encoded = keys.getPublic().getEncoded();
    return Arrays.copyOfRange(encoded, encoded.length - 2 * curve.size(), encoded.length);
  }

  private static BigInteger order(Curve curve) {
    return new BigInteger(
        curve == Curve.P256
            ? "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
            : "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
                + "581a0db248b0a77aecec196accc52973",
        16);
  }

  private static byte[] with(Curve curve, byte[] signature, int half, BigInteger scalar) {
    byte[] number = scalar.toByteArray();
    byte[] result = signature.clone();
    Arrays.fill(result, half * curve.size(), (half + 1) * curve.size(), (byte) 0);
    int size = Math.min(number.length, curve.size());
    System.arraycopy(number, number.length - size, result, (half + 1) * curve.size() - size, size);
    return result;
  }

  @ParameterizedTest
  @EnumSource
  void a_signature_holds_for_its_data_and_key(Curve curve) throws Exception {
    byte[] signature = signature(curve);
    PublicKey key = Objects.requireNonNull(curve.key(raw(curve)));
    assertThat(curve.verifies(key, DATA, signature)).isTrue();
    assertThat(curve.verifies(key, new byte[] {1, 2, 4}, signature)).isFalse();
    assertThat(curve.verifies(key, DATA, Arrays.copyOf(signature, signature.length - 1))).isFalse();
    Curve other = curve == Curve.P256 ? Curve.P384 : Curve.P256;
    assertThat(other.verifies(key, DATA, new byte[2 * other.size()])).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void scalars_out_of_range_are_refused_and_the_other_root_is_not(Curve curve) throws Exception {
    byte[] signature = signature(curve);
    BigInteger n = order(curve);
    for (int half = 0; half < 2; half++) {
      for (BigInteger scalar : new BigInteger[] {BigInteger.ZERO, n, n.add(BigInteger.ONE)}) {
        assertThat(curve.verifies(keys.getPublic(), DATA, with(curve, signature, half, scalar)))
            .isFalse();
      }
    }
    BigInteger s = new BigInteger(1, Arrays.copyOfRange(signature, curve.size(), signature.length));
    assertThat(curve.verifies(keys.getPublic(), DATA, with(curve, signature, 1, n.subtract(s))))
        .isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void what_is_no_point_of_the_curve_is_no_key(Curve curve) throws Exception {
    signature(curve);
    byte[] raw = raw(curve);
    raw[raw.length - 1] ^= 1;
    assertThat(curve.key(raw)).isNull();
    assertThat(curve.key(new byte[2 * curve.size()])).isNull();
    byte[] large = raw(curve);
    Arrays.fill(large, 0, curve.size(), (byte) 0xff);
    assertThat(curve.key(large)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "30",
        "3001",
        "3080",
        "3083000001",
        "308201",
        "1f0100",
        "02010",
        "0201000201",
        "3004020100"
      })
  void what_is_no_der_is_refused(String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex.length() % 2 == 0 ? hex : hex + "0");
    assertThatThrownBy(
            () -> {
              DerValue value = DerValue.read(bytes);
              value.sequence("test");
            })
        .isInstanceOf(EvidenceException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"00", "ff", "0100", "80"})
  void integers_have_a_range(String hex) throws Exception {
    DerValue value = new DerValue(DerValue.INTEGER, HexFormat.of().parseHex(hex));
    if (hex.equals("00")) {
      assertThat(value.integer(255, "test")).isZero();
    } else {
      assertThatThrownBy(() -> value.integer(255, "test")).isInstanceOf(EvidenceException.class);
    }
  }
}
