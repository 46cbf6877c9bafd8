package asymml.study.attack;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AttackNameTest {
  @ParameterizedTest
  @EnumSource
  void a_label_can_be_typed_and_be_part_of_a_file_name(AttackName attack) {
    assertThat(attack.label()).matches("[a-z]+(-[a-z]+)*");
  }

  @ParameterizedTest
  @EnumSource
  void a_heading_fits_its_column(AttackName attack) {
    assertThat(attack.heading()).hasSizeLessThanOrEqualTo(8);
  }

  @ParameterizedTest
  @EnumSource
  void an_attack_says_where_it_comes_from_what_it_reads_and_what_it_costs(AttackName attack) {
    assertThat(attack.title()).isNotBlank();
    assertThat(attack.target()).isNotBlank();
    assertThat(attack.source()).isNotBlank();
    assertThat(attack.reads()).isNotBlank();
    assertThat(attack.cost()).isNotBlank();
    assertThat(attack.headline()).isNotBlank();
  }

  @Test
  void labels_and_headings_differ() {
    assertThat(Arrays.stream(AttackName.values()).map(AttackName::label)).doesNotHaveDuplicates();
    assertThat(Arrays.stream(AttackName.values()).map(AttackName::heading)).doesNotHaveDuplicates();
  }
}
