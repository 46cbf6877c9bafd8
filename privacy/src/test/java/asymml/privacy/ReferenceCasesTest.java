package asymml.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// Origin: `shared/vectors/dp-accounting.json`: epsilon of T-fold composed Poisson-subsampled
/// Gaussian mechanisms under add/remove adjacency, computed on 2026-11-22 with the public
/// dp_accounting library (RdpAccountant with its default orders; PLDAccountant, pessimistic,
/// discretisation 1e-4, or 1e-3 where T > 3000).
class ReferenceCasesTest {
  /// Beside the repository; tests run in their module's folder.
  private static final Path SHARED = Path.of("../../shared/vectors/dp-accounting.json");

  record Case(double sigma, double q, long steps, double delta, double rdp, double pld) {
    PrivacyEvent run() {
      return Events.run(q, sigma, steps);
    }
  }

  static List<Case> all() {
    return List.of(
        new Case(1, 1, 1, 1e-5, 4.728507067217623, 4.3771781000249295),
        new Case(2, 1, 10, 1e-5, 8.079406222420491, 7.511275904062699),
        new Case(1.1, 0.004266666666666667, 14040, 1e-5, 2.5943633557853634, 2.3884794272935723),
        new Case(0.8, 0.01, 1000, 1e-5, 3.6956131929533838, 3.1410183190194365),
        new Case(20, 0.1, 39000, 1e-5, 4.665649643914932, 4.334846186517207),
        new Case(50, 1, 2600, 1e-5, 4.836493933400081, 4.477765201868486));
  }

  @Test
  void the_cases_of_the_shared_file_hold() {
    assumeTrue(Files.exists(SHARED), "absent: shared/vectors/dp-accounting.json");
    JsonNode cases = new ObjectMapper().readTree(SHARED.toFile()).get("cases");
    assertThat(cases.size()).isPositive();
    for (JsonNode entry : cases) {
      PrivacyEvent run =
          Events.run(
              entry.get("q").asDouble(), entry.get("sigma").asDouble(), entry.get("T").asLong());
      double delta = entry.get("delta").asDouble();
      assertThat(Events.epsilon(new RdpAccountant(), run, delta))
          .isCloseTo(entry.get("rdp").asDouble(), Percentage.withPercentage(0.1));
      assertThat(Events.epsilon(new PldAccountant(), run, delta))
          .isCloseTo(entry.get("pld").asDouble(), Percentage.withPercentage(1));
    }
  }
}
