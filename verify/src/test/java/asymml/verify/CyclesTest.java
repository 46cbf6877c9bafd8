package asymml.verify;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.EvaluationResult;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Packages, whether of one module or of several, do not know each other in a circle.
class CyclesTest {
  private static final String VIOLATIONS = "asymml.verify.violations.cycles";

  private static ArchRule rule(String root) {
    return slices().matching(root + ".(**)").should().beFreeOfCycles();
  }

  @Test
  void no_packages_of_the_product_know_each_other_in_a_circle() {
    assertThat(ArchitectureTest.PRODUCT)
        .anyMatch(c -> c.getPackageName().equals("asymml.trusted.train"));
    rule(ArchitectureRules.PRODUCT.root()).check(ArchitectureTest.PRODUCT);
  }

  @Test
  void a_circle_is_found_and_nothing_beside_it() {
    EvaluationResult result =
        rule(VIOLATIONS).evaluate(new ClassFileImporter().importPackages(VIOLATIONS));
    List<String> cycles = result.getFailureReport().getDetails();
    assertThat(cycles)
        .singleElement()
        .asString()
        .contains("Slice one", "Slice two", "Head.<init>()", "Tail.<init>()")
        .doesNotContain("three", "Leaf");
  }
}
