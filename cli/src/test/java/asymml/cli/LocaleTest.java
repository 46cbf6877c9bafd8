package asymml.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is printed does not depend on the locale of the machine. These have digits, decimal signs
/// and an i of their own.
class LocaleTest {
  private static final List<String> LOCALES =
      List.of(
          "ar-EG-u-nu-arab",
          "tr-TR",
          "de-DE",
          "fa-IR-u-nu-arabext",
          "hi-IN-u-nu-deva",
          "th-TH-u-nu-thai");

  private static <T> T under(String locale, Supplier<T> action) {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag(locale));
      return action.get();
    } finally {
      Locale.setDefault(before);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "models",
        "--version",
        "train --print-config --epochs 3",
        "train --epochs 0",
        "train --threads 4097",
        "train --rank half",
        "train --milestones 3,2 --schedule step",
        "privacy epsilon --noise-multiplier 1.1 --sampling-rate 0.01 --steps 1000 --accountant rdp",
        "privacy epsilon --noise-multiplier 1.1 --batch-size 10 --examples 1000 --epochs 12"
            + " --accountant rdp --json",
        "privacy noise --target-epsilon 8 --steps 1000",
        "privacy steps --target-epsilon 8 --noise-multiplier 40",
        "privacy epsilon --noise-multiplier 1 --steps 0",
      })
  void output_is_the_same_under_every_locale(String command) {
    Outcome expected = under("und", () -> Outcome.of(command.split(" ")));
    assertThat(expected.out() + expected.err()).isNotBlank();
    for (String locale : LOCALES) {
      assertThat(under(locale, () -> Outcome.of(command.split(" "))))
          .as(locale)
          .isEqualTo(expected);
    }
  }
}
