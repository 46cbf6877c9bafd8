package asymml.cli.table;

import static org.assertj.core.api.Assertions.assertThat;

import asymml.model.Shape;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.TestSet;
import asymml.trusted.train.Confusion;
import asymml.trusted.train.Evaluator;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Of a class without images there is no recall, and nothing stands in its place.
class ConfusionTableTest {
  private static final TestSet TEST =
      new TestSet(
          "pets",
          ImageSet.of(
              new Shape(1, 1, 1), List.of("cat", "dog"), new int[] {0, 0}, new byte[] {1, 2}));

  private static ConfusionTable table() {
    return new ConfusionTable(
        TEST, new Evaluator.Score(0.25, 0.5, new Confusion(2), List.of(Double.NaN, Double.NaN)));
  }

  @Test
  void what_does_not_exist_is_a_dash_for_people() {
    StringWriter text = new StringWriter();
    table().print(new PrintWriter(text));
    assertThat(text.toString())
        .contains("2 test images of pets: accuracy 50.0 %, loss 0.25")
        .contains("balanced accuracy -, macro F1 -, ROC AUC -")
        .containsPattern("cat +0 +- +- +- +-")
        .doesNotContain("NaN", "confusions");
  }

  @Test
  void what_does_not_exist_is_left_out_for_machines() {
    Map<String, Object> facts = table().facts();
    assertThat(facts)
        .containsEntry("data", "pets")
        .containsEntry("images", 2)
        .containsEntry("loss", 0.25)
        .containsEntry("accuracy", 0.5)
        .containsEntry("confusion", List.of(List.of(0L, 0L), List.of(0L, 0L)))
        .doesNotContainKeys("balancedAccuracy", "macroF1", "macroRocAuc");
    assertThat(facts.get("classes"))
        .isEqualTo(
            List.of(Map.of("name", "cat", "images", 0L), Map.of("name", "dog", "images", 0L)));
  }
}
