package asymml.untrusted;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceTest {
  @Test
  void a_device_reads_back_what_it_prints() {
    assertThat(Device.parse("cpu")).isEqualTo(new Device.Cpu()).hasToString("cpu");
    assertThat(Device.parse("cuda:0")).isEqualTo(new Device.Cuda(0)).hasToString("cuda:0");
    assertThat(Device.parse("cuda:13")).isEqualTo(new Device.Cuda(13));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "gpu", "cuda", "cuda:", "cuda:-1", "cuda:x", "cuda:99999", "CPU"})
  void anything_else_is_refused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Device.parse(text))
        .withMessage("a device is cpu or cuda:N: " + text);
  }

  @Test
  void only_a_gpu_offers_less_than_float32_and_uses_tf32_if_not_told() {
    for (Precision precision : Precision.values()) {
      assertThat(Precision.parse(precision.toString())).isEqualTo(precision);
      assertThat(new Device.Cuda(0).offers(precision)).isTrue();
      assertThat(new Device.Cpu().offers(precision)).isEqualTo(precision == Precision.FP32);
    }
    assertThat(new Device.Cpu().defaultPrecision()).isEqualTo(Precision.FP32);
    assertThat(new Device.Cuda(1).defaultPrecision()).isEqualTo(Precision.TF32);
  }

  @Test
  void coarser_operands_have_wider_bounds() {
    for (long terms : new long[] {1, 13, 207, 1 << 20}) {
      assertThat(Precision.FP32.errorBound(terms))
          .isPositive()
          .isLessThan(Precision.TF32.errorBound(terms));
      assertThat(Precision.TF32.errorBound(terms)).isLessThan(Precision.BF16.errorBound(terms));
      // A result with one term in a hundred missing is off by more.
      assertThat(Precision.BF16.errorBound(terms)).isLessThan(0.1);
    }
  }
}
