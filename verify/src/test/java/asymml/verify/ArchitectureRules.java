package asymml.verify;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchRule;
import java.nio.channels.NetworkChannel;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// What may know what, below a root package: `asymml` for the product, another one for the examples
/// that must fail.
///
/// @param root the package that holds `wire`, `trusted`, ... side by side
record ArchitectureRules(String root) {
  /// The product's own.
  static final ArchitectureRules PRODUCT = new ArchitectureRules("asymml");

  private static final DescribedPredicate<JavaClass> NETWORK =
      assignableTo(NetworkChannel.class)
          .or(assignableTo(java.net.Socket.class))
          .or(assignableTo(java.net.ServerSocket.class))
          .or(assignableTo(java.net.DatagramSocket.class))
          .or(assignableTo(java.net.URLConnection.class))
          .or(assignableTo(javax.net.SocketFactory.class))
          .or(assignableTo(javax.net.ServerSocketFactory.class))
          .or(assignableTo(java.nio.channels.AsynchronousSocketChannel.class))
          .or(assignableTo(java.nio.channels.spi.SelectorProvider.class))
          .or(resideInAnyPackage("java.net.http..", "java.rmi..", "javax.naming.."))
          .as("the network");

  private static final DescribedPredicate<JavaClass> LOGGING =
      resideInAnyPackage(
              "java.util.logging..", "org.slf4j..", "ch.qos.logback..", "org.apache.logging..")
          .or(name(System.Logger.class.getName()))
          .or(name(java.io.Console.class.getName()))
          .as("a logger or the console");

  private static final DescribedPredicate<JavaClass> PREDICTABLE_RANDOM =
      describe(
          "a predictable random generator",
          type ->
              type.getPackageName().equals("java.util.random")
                  || type.getName().equals("java.util.Random")
                  || type.getName().equals("java.util.SplittableRandom")
                  || type.getName().equals("java.util.concurrent.ThreadLocalRandom")
                  || type.getSimpleName().equals("SplitMix64"));

  /// All rules by a name that reads as a claim.
  Map<String, ArchRule> all() {
    Map<String, ArchRule> rules = new LinkedHashMap<>();
    rules.put(
        "trusted does not know untrusted",
        knowOnly("trusted", "privacy", "wire", "kernels", "model"));
    rules.put("untrusted does not know trusted", knowOnly("untrusted", "wire", "kernels"));
    rules.put(
        "the adversary knows the worker's view and public code",
        knowOnly("analysis", "wire", "kernels", "model"));
    rules.put("attacks do not see their scorers", attacksDoNotScore());
    rules.put(
        "the report knows the files of runs and records of studies",
        knowOnly("report", "study", "session", "trusted", "privacy", "model"));
    rules.put(
        "cli does not know untrusted",
        knowOnly(
            "cli",
            "serve",
            "report",
            "study",
            "session",
            "analysis",
            "attest",
            "interop",
            "trusted",
            "privacy",
            "wire",
            "kernels",
            "model"));
    rules.put(
        "sessions know neither untrusted nor commands",
        knowOnly("session", "attest", "trusted", "interop", "privacy", "wire", "kernels", "model"));
    rules.put(
        "the server of models knows sessions", knowOnly("serve", "session", "trusted", "model"));
    rules.put("only the server of models uses Jetty", onlyTheServerUsesJetty());
    rules.put(
        "studies know neither untrusted nor commands",
        knowOnly("study", "session", "analysis", "trusted", "privacy", "wire", "kernels", "model"));
    rules.put("wire knows nothing of ours", knowOnly("wire"));
    rules.put("kernels know nothing of ours", knowOnly("kernels"));
    rules.put("model knows nothing of ours", knowOnly("model"));
    rules.put("model files of other programs know models alone", knowOnly("interop", "model"));
    rules.put("privacy knows nothing of ours", knowOnly("privacy"));
    rules.put("attest knows nothing of ours", knowOnly("attest"));
    rules.put("the owner's commands know evidence and sealed files alone", ownersKnowNoTraining());
    rules.put("only commands parse command lines", onlyCommandsParse());
    rules.put("only the release door makes a Released", onlyTheDoorMakesReleased());
    rules.put("only the release door writes the worker's memory", onlyTheDoorWrites());
    rules.put("only the release door uses the region writer", onlyTheDoorUsesTheWriter());
    rules.put("only the boundary speaks to the worker", onlyTheBoundarySpeaks());
    rules.put("the rank analysis has no way out", rankHasNoWayOut());
    rules.put("nothing on the trusted side reads the rank analysis", nothingReadsRanks());
    rules.put("where training runs only plans resolve ranks", onlyPlansResolveRanks());
    rules.put("only transports and the key release open sockets", onlyTransportsUseTheNetwork());
    rules.put("only WorkerProcess starts processes", onlyWorkerProcessStartsProcesses());
    rules.put("where private data live nothing is printed", nothingIsPrinted());
    rules.put("where private data live nothing is logged", nothingIsLogged());
    rules.put("the boundary uses no predictable randomness", noPredictableRandomness());
    rules.put("no cryptographic generator is seeded", secureRandomIsNeverSeeded());
    return rules;
  }

  private String tree(String module) {
    return root + "." + module + "..";
  }

  private String boundary(String type) {
    return root + ".trusted.boundary." + type;
  }

  /// Of our own packages a module uses its own and those named.
  private ArchRule knowOnly(String module, String... others) {
    String[] allowed = new String[others.length + 1];
    allowed[0] = tree(module);
    for (int i = 0; i < others.length; i++) {
      allowed[i + 1] = tree(others[i]);
    }
    return noClasses()
        .that()
        .resideInAPackage(tree(module))
        .should()
        .dependOnClassesThat(resideInAPackage(root + "..").and(not(resideInAnyPackage(allowed))));
  }

  /// The owner is a party of its own. Only who opens a run's directory knows what is in it.
  private ArchRule ownersKnowNoTraining() {
    return noClasses()
        .that()
        .resideInAnyPackage(tree("cli.owner"), tree("cli.evidence"))
        .and(not(nameMatching(Pattern.quote(root) + "\\.cli\\.owner\\.OpenedRun")))
        .should()
        .dependOnClassesThat(
            resideInAPackage(root + "..")
                .and(
                    not(
                        resideInAnyPackage(
                            tree("attest"),
                            tree("cli.owner"),
                            tree("cli.evidence"),
                            tree("cli.options"),
                            tree("cli.terminal")))));
  }

  /// Library code takes records. What the worker's main parses is that and what to record.
  private ArchRule onlyCommandsParse() {
    return noClasses()
        .that()
        .resideOutsideOfPackage(tree("cli"))
        .and(
            not(
                nameMatching(
                    Pattern.quote(root)
                        + "\\.untrusted\\.(Main|RecordOptions|MemoryOptions|SizeConverter)(\\$.*)?")))
        .should()
        .dependOnClassesThat(resideInAPackage("picocli.."));
  }

  private DescribedPredicate<JavaClass> areNot(String... types) {
    return describe(
        "are not " + String.join(", ", types),
        type ->
            Stream.of(types)
                .map(this::boundary)
                .noneMatch(
                    name -> type.getName().equals(name) || type.getName().startsWith(name + "$")));
  }

  /// Scorers are given the truth; attacks must not learn from them.
  private ArchRule attacksDoNotScore() {
    return noClasses()
        .that()
        .resideInAPackage(root + ".analysis")
        .should()
        .dependOnClassesThat(resideInAPackage(tree("analysis.score")));
  }

  private ArchRule onlyTheDoorMakesReleased() {
    return noClasses()
        .that(areNot("RegionWriter"))
        .should()
        .callConstructorWhere(
            describe(
                "it makes a Released",
                call -> call.getTargetOwner().getName().equals(boundary("Released"))));
  }

  private ArchRule onlyTheDoorWrites() {
    return noClasses()
        .that(areNot("RegionWriter"))
        .should()
        .callMethodWhere(
            describe(
                "it calls RemoteWorker.writable or publish",
                call ->
                    call.getTargetOwner().getName().equals(boundary("RemoteWorker"))
                        && (call.getName().equals("writable")
                            || call.getName().equals("publish"))));
  }

  /// What writes and publishes stands behind the door, and an open release is the door's.
  private ArchRule onlyTheDoorUsesTheWriter() {
    return noClasses()
        .that(areNot("ReleaseDoor", "NoisyRelease", "RegionWriter"))
        .should()
        .dependOnClassesThat(name(boundary("RegionWriter")));
  }

  /// Outside the boundary the trusted side knows a worker's address, the places of tensors in the
  /// region and that the conversation may fail, and nothing else of the wire.
  private ArchRule onlyTheBoundarySpeaks() {
    return noClasses()
        .that()
        .resideInAnyPackage(
            tree("trusted"),
            tree("session"),
            tree("study"),
            tree("report"),
            tree("serve"),
            tree("cli"))
        .and()
        .resideOutsideOfPackage(tree("trusted.boundary"))
        .should()
        .dependOnClassesThat(
            resideInAPackage(tree("wire"))
                .and(
                    not(
                        nameMatching(
                            Pattern.quote(root)
                                + "\\.wire\\.(Encoding|ProtocolException|Slot|WorkerAddress)(\\$.*)?"))));
  }

  /// Its results are statistics that no ledger knows of.
  private ArchRule rankHasNoWayOut() {
    return noClasses()
        .that()
        .resideInAPackage(tree("trusted.rank"))
        .should()
        .dependOnClassesThat(
            resideInAnyPackage(tree("wire"), tree("trusted.boundary"))
                .and(not(name(boundary("NonFiniteException")))));
  }

  private ArchRule nothingReadsRanks() {
    return noClasses()
        .that()
        .resideInAPackage(tree("trusted"))
        .and()
        .resideOutsideOfPackage(tree("trusted.rank"))
        .should()
        .dependOnClassesThat(resideInAPackage(tree("trusted.rank")));
  }

  /// A layer has the one rank that its plan says. A policy that is asked again, for another place
  /// or width, can answer otherwise, and then what is accounted for is not what is released.
  private ArchRule onlyPlansResolveRanks() {
    return noClasses()
        .that()
        .resideInAnyPackage(
            tree("trusted.boundary"),
            tree("trusted.inference"),
            tree("trusted.memory"),
            tree("trusted.network"),
            tree("trusted.ops"),
            tree("trusted.split"),
            tree("trusted.train"))
        .should()
        .callMethodWhere(
            describe(
                "it calls RankPolicy.resolve",
                call ->
                    call.getName().equals("resolve")
                        && call.getTargetOwner()
                            .getName()
                            .startsWith(root + ".trusted.plan.RankPolicy")));
  }

  private ArchRule onlyTransportsUseTheNetwork() {
    return noClasses()
        .that(
            not(
                nameMatching(
                    Pattern.quote(root)
                        + "\\.(wire\\.([A-Za-z]*Transport|TlsCandidates)|attest\\.release"
                        + "\\.(KeyServer|Owner(Connection|Identity)|SocketDeadline))(\\$.*)?")))
        .should()
        .dependOnClassesThat(NETWORK)
        .orShould()
        .callMethodWhere(
            describe(
                "it opens a URL",
                call ->
                    call.getTargetOwner().isEquivalentTo(java.net.URL.class)
                        && call.getName().startsWith("open")));
  }

  private ArchRule onlyTheServerUsesJetty() {
    return noClasses()
        .that()
        .resideOutsideOfPackage(tree("serve"))
        .should()
        .dependOnClassesThat(resideInAPackage("org.eclipse.jetty.."));
  }

  private ArchRule onlyWorkerProcessStartsProcesses() {
    return noClasses()
        .that(not(name(boundary("WorkerProcess"))))
        .should()
        .callMethodWhere(
            describe(
                "it starts a process",
                call ->
                    (call.getTargetOwner().isEquivalentTo(Runtime.class)
                            && call.getName().equals("exec"))
                        || (call.getTargetOwner().isEquivalentTo(ProcessBuilder.class)
                            && call.getName().startsWith("start"))));
  }

  private ArchRule nothingIsPrinted() {
    return noClasses()
        .that()
        .resideInAnyPackage(tree("trusted"), tree("session"), tree("study"), tree("serve"))
        .should()
        .accessTargetWhere(describe("it prints", ArchitectureRules::prints));
  }

  private static boolean prints(JavaAccess<?> access) {
    AccessTarget target = access.getTarget();
    boolean systemStream =
        target.getOwner().isEquivalentTo(System.class)
            && (target.getName().equals("out") || target.getName().equals("err"));
    return systemStream
        || target.getName().equals("printStackTrace")
        || target.getName().equals("dumpStack");
  }

  private ArchRule nothingIsLogged() {
    return noClasses()
        .that()
        .resideInAnyPackage(tree("trusted"), tree("session"), tree("study"), tree("serve"))
        .should()
        .dependOnClassesThat(LOGGING);
  }

  private ArchRule noPredictableRandomness() {
    return noClasses()
        .that()
        .resideInAPackage(tree("trusted.boundary"))
        .should()
        .dependOnClassesThat(PREDICTABLE_RANDOM)
        .orShould()
        .callMethod(Math.class, "random");
  }

  /// The one allowed way to get one is `new SecureRandom()`, which the operating system seeds.
  private ArchRule secureRandomIsNeverSeeded() {
    return noClasses()
        .should()
        .callMethodWhere(
            describe(
                "it seeds or chooses a SecureRandom",
                call ->
                    call.getTargetOwner().isAssignableTo(SecureRandom.class)
                        && (call.getName().equals("setSeed")
                            || call.getName().equals("getInstance"))))
        .orShould()
        .callConstructor(SecureRandom.class, byte[].class)
        .orShould()
        .beAssignableTo(assignableTo(SecureRandom.class).as("a SecureRandom of our own"));
  }
}
