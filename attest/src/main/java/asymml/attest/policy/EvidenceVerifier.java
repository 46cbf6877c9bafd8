package asymml.attest.policy;

import asymml.attest.Finding;
import asymml.attest.Problem;
import asymml.attest.VerificationTime;
import asymml.attest.amd.SnpResult;
import asymml.attest.amd.SnpVerifier;
import asymml.attest.intel.IntelResult;
import asymml.attest.intel.IntelVerifier;
import asymml.attest.intel.PckCertificate;
import asymml.attest.nvidia.GpuVerifier;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/// Verifies evidence and applies an owner's policy to it.
public final class EvidenceVerifier {
  private static final Set<Problem> UNKNOWN_REVOCATION =
      Set.of(Problem.PCK_CRL_MISSING, Problem.ROOT_CRL_MISSING);

  private final Policy policy;
  private final VerificationTime time;
  private final Optional<byte[]> reportData;
  private final List<Finding> problems = new ArrayList<>();
  private final List<Finding> refusals = new ArrayList<>();

  private EvidenceVerifier(Policy policy, Instant at, Optional<byte[]> reportData) {
    this.policy = policy;
    this.reportData = reportData;
    time = new VerificationTime(at, policy.clockSkew());
  }

  /// Verifies evidence.
  ///
  /// @param evidence as read
  /// @param policy of the owner
  /// @param at for which moment, by the owner's clock
  /// @param reportData 64 bytes that the evidence must be about; empty if it may be about any, so
  ///   that it may be an old or a foreign one
  /// @return accepted only if nothing is against it
  public static Verdict verify(
      Evidence evidence, Policy policy, Instant at, Optional<byte[]> reportData) {
    EvidenceVerifier verifier = new EvidenceVerifier(policy, at, reportData);
    return switch (evidence) {
      case Evidence.Intel intel -> verifier.intel(intel);
      case Evidence.Snp snp -> verifier.snp(snp);
      case Evidence.Gpu gpu -> verifier.gpu(gpu);
    };
  }

  private Verdict intel(Evidence.Intel evidence) {
    Policy.Simulation simulation = policy.simulation();
    IntelResult result =
        simulation.intel().isEmpty()
            ? IntelVerifier.verify(evidence.quote(), evidence.collateral(), time)
            : IntelVerifier.verify(
                evidence.quote(), evidence.collateral(), time, simulation.intel().get());
    for (Finding problem : result.problems()) {
      if (!UNKNOWN_REVOCATION.contains(problem.problem())) {
        problems.add(problem);
      } else if (policy.revocationRequired()) {
        problems.add(decidedBy("revocation", problem));
      }
    }
    if (problems.isEmpty() && result.status() == null) {
      // What the policy lets pass must not be all that stood in the way.
      problems.add(Finding.of(Problem.TCB_UNKNOWN, "no status", "one by Intel's algorithm"));
    }
    debug(evidence.quote().debug());
    evidence
        .quote()
        .enclave()
        .ifPresent(e -> identity("sgx", policy.sgx(), (identity, key) -> identity.check(e, key)));
    evidence
        .quote()
        .td()
        .ifPresent(td -> identity("tdx", policy.tdx(), (identity, key) -> identity.check(td, key)));
    refusals.addAll(policy.tcb().check(result));
    age(result.issued());
    @Nullable PckCertificate pck = result.pck();
    if (pck != null) {
      platform(pck.ppid());
    }
    binding(evidence.quote().reportData());
    return new Verdict(
        problems,
        refusals,
        Optional.ofNullable(result.status()),
        result.advisories(),
        simulation.intel().isPresent());
  }

  private Verdict snp(Evidence.Snp evidence) {
    SnpResult result =
        SnpVerifier.verify(
            evidence.report(),
            evidence.certificates(),
            policy.products(),
            time,
            policy.simulation().amd());
    boolean maskable =
        !policy.snp().isEmpty() && policy.snp().stream().allMatch(SnpIdentity::maskedChipId);
    for (Finding problem : result.problems()) {
      if (problem.problem() != Problem.CHIP_ID_MASKED) {
        problems.add(problem);
      } else if (!maskable) {
        problems.add(decidedBy("snp.maskedChipId", problem));
      }
    }
    debug(evidence.report().debug());
    if (evidence.report().migrationAgent()) {
      refusals.add(Finding.of(Problem.MIGRATION_AGENT, "policy bit 18 set", "not set"));
    }
    identity("snp", policy.snp(), (identity, key) -> identity.check(result, key));
    platform(HexFormat.of().formatHex(evidence.report().chipId()));
    binding(evidence.report().reportData());
    return new Verdict(
        problems,
        refusals,
        Optional.empty(),
        List.of(),
        result.product().map(policy.simulation().amd()::containsKey).orElse(false));
  }

  private Verdict gpu(Evidence.Gpu evidence) {
    problems.addAll(GpuVerifier.verify(evidence.report(), evidence.chain(), time));
    return new Verdict(problems, refusals, Optional.empty(), List.of(), false);
  }

  private static Finding decidedBy(String key, Finding problem) {
    return new Finding(
        problem.problem(), problem.detail(), problem.found(), problem.expected(), key);
  }

  private void debug(boolean on) {
    if (on) {
      refusals.add(
          Finding.of(Problem.DEBUG, "a TEE whose memory the host can read", "debug switched off"));
    }
  }

  /// Accepts one of several identities, or says why the closest is not met.
  private <T> void identity(
      String key, List<T> identities, BiFunction<T, String, List<Finding>> check) {
    if (identities.isEmpty()) {
      refusals.add(
          Finding.refused(
              Problem.NO_IDENTITY,
              "evidence of " + key,
              "an identity in the policy: without one nothing is accepted",
              key));
      return;
    }
    List<List<Finding>> all = new ArrayList<>();
    for (int i = 0; i < identities.size(); i++) {
      all.add(check.apply(identities.get(i), "%s[%s]".formatted(key, i)));
    }
    refusals.addAll(all.stream().min(Comparator.comparingInt(List::size)).orElseThrow());
  }

  private void age(@Nullable Instant issued) {
    Optional<Duration> most = policy.collateralMaxAge();
    if (issued != null && most.isPresent() && issued.plus(most.get()).isBefore(time.at())) {
      refusals.add(
          Finding.refused(
              Problem.COLLATERAL_TOO_OLD,
              "issued " + issued,
              "at most %s days before %s".formatted(most.get().toDays(), time.at()),
              "collateral.maxAgeDays"));
    }
  }

  private void platform(String id) {
    if (policy.platforms().isPresent() && !policy.platforms().get().contains(id)) {
      refusals.add(
          Finding.refused(
              Problem.PLATFORM,
              id,
              "one of %s named machines".formatted(policy.platforms().get().size()),
              "platforms"));
    }
  }

  private void binding(byte[] found) {
    if (reportData.isPresent()
        && !MessageDigest.isEqual(Arrays.copyOf(reportData.get(), 64), found)) {
      refusals.add(
          Finding.of(
              Problem.REPORT_DATA,
              HexFormat.of().formatHex(found),
              HexFormat.of().formatHex(reportData.get())));
    }
  }
}
