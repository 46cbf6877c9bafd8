#!/bin/sh
# Builds a bundle of AsymML that needs nothing installed but, for --device cuda:N, an NVIDIA driver, CUDA 13
# and cuDNN 9: a trimmed Java runtime, the modules, oneDNN, the bindings to CUDA. Prints its path and size,
# fails at 66 MB (of 1,000,000 bytes) and above, and runs the unpacked bundle with an empty environment.
#
# Usage: scripts/bundle.sh [FILE.tar.gz]    (default: target/bundle/asymml-linux-x86_64.tar.gz)
set -eu

home=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
lib=$home/cli/target/lib
work=$home/target/bundle
name=asymml-linux-x86_64
tree=$work/$name
archive=${1:-$work/$name.tar.gz}
most=66000000

fail() {
  echo "bundle: $1" >&2
  exit 1
}

# Builds if that is needed, and says which JDK did.
jdk=$("$home/asymml" env 2>/dev/null | sed -n 's/^Java  *[^,]*, //p')
if [ ! -x "$jdk/bin/jlink" ] || [ ! -x "$jdk/bin/jar" ]; then
  fail "the JDK has no jlink or jar; './asymml env' shows which it is: ${jdk:-none, it does not run}"
fi

command -v strip >/dev/null || fail "strip is missing: install binutils"

rm -rf "$work"
mkdir -p "$tree/lib" "$work/jar"

# Of the classes named on stdin, a path a line, all but the first of each package: a module must not lose
# a package.
all_but_one() {
  awk '{ package = $0; sub("/[^/]*$", "", package); if (seen[package]++) print }'
}

# Unpacks a jar of the build, without what only compilers, GraalVM and build tools read.
unpack() {
  rm -rf "$work/jar"
  mkdir "$work/jar"
  (cd "$work/jar" && "$jdk/bin/jar" --extract --file "$1")
  rm -rf "$work/jar/META-INF/native-image"
  # The small pom.properties stay: JavaCPP reads its version there.
  find "$work/jar" -type f -name pom.xml -exec rm {} +
  find "$work/jar" -depth -type d \( -name include -o -name cmake -o -name pkgconfig \) -exec rm -rf {} +
}

# Packs it anew; options may follow.
pack() {
  target=$tree/lib/${1##*/}
  shift
  "$jdk/bin/jar" --create "$@" --file "$target" --date=2026-01-01T00:00:00Z \
    --manifest "$work/jar/META-INF/MANIFEST.MF" -C "$work/jar" .
}

for jar in "$lib"/*.jar; do
  unpack "$jar"
  case ${jar##*/} in
    # Stays compressed: it is unpacked once on each machine, into the cache of JavaCPP.
    dnnl-*-linux-x86_64.jar) pack "$jar" ;;
    javacpp-*-linux-x86_64.jar) pack "$jar" --no-compress ;;
    cuda-*-linux-x86_64.jar)
      # The backend uses cudart, cuBLAS and cuDNN.
      find "$work/jar" -type f -name 'libjni*' ! -name 'libjnicudart.so' ! -name 'libjnicublas.so' \
        ! -name 'libjnicudnn.so' -exec rm {} +
      pack "$jar"
      ;;
    cuda-*.jar)
      (cd "$work/jar" && find org -type f -name '*.class' | sort |
        grep -E '/cuda/((cufftw|cufile|cupti|curand|cusolver|cusparse|nccl|nppc|nvjpeg|nvml|nvrtc|nvcomp)/|(global|presets)/(n|cu(fft|file|pti|rand|solver|sparse)))' |
        all_but_one | xargs rm -f)
      pack "$jar" --no-compress
      ;;
    javacpp-*[0-9].jar)
      # What writes and compiles bindings; the natives ask for the enums of Generator.
      (cd "$work/jar/org/bytedeco/javacpp/tools" &&
        rm -f Generator.class Parser*.class Builder*.class ./*Mojo*.class TokenIndexer*.class DeclarationList*.class)
      pack "$jar" --no-compress
      ;;
    hipparchus-core-*.jar)
      # Direction numbers of Sobol sequences.
      rm -rf "$work/jar/assets"
      pack "$jar" --no-compress
      ;;
    jline-native-*.jar)
      find "$work/jar" -type f -name '*jlinenative.*' ! -name '*.properties' ! -path '*/Linux/x86_64/*' -exec rm {} +
      pack "$jar" --no-compress
      ;;
    # What is packed as a whole gets smaller than what is packed class by class.
    *) pack "$jar" --no-compress ;;
  esac
done

# The Java modules that ours and the libraries' ask for.
modules=$("$jdk/bin/java" --module-path "$lib" --add-modules asymml.untrusted,org.bytedeco.cuda \
  --show-module-resolution --dry-run -m asymml.cli/asymml.cli.Main 2>/dev/null |
  awk '$2 == "requires" && $1 !~ /^(java|jdk)\./ && $3 ~ /^(java|jdk)\./ { print $3 }' | sort -u | paste -s -d , -)
[ -n "$modules" ] || fail "cannot tell which Java modules are needed"
# JLine does not say that it logs.
modules=$modules,java.logging

# The charts need AWT without a screen; windows, screens, sound, printers and the byte code of XSLT go.
"$jdk/bin/jimage" list "$jdk/lib/modules" |
  awk '/^Module:/ { module = $2; next } { print "/" module "/" $1 }' |
  grep -E -e '^/java\.desktop/(javax/(swing|sound|print)|com/sun/(java/swing|media)|sun/(swing|print|applet|awt/(X11|dnd)|java2d/(opengl|xr|x11)))/.*\.class$' \
    -e '^/java\.xml/com/sun/org/apache/bcel/.*\.class$' |
  all_but_one >"$work/dropped"
# Its class files stay plain, again to be packed as a whole.
"$jdk/bin/jlink" --add-modules "$modules" --output "$tree/runtime" \
  --strip-debug --no-header-files --no-man-pages --compress zip-0 --vm server \
  --exclude-resources=@"$work/dropped" \
  --exclude-files '**/libsplashscreen.so,**/libawt_xawt.so,**/libjsound.so,**/jrt-fs.jar,**/classlist' 2>/dev/null ||
  fail "jlink fails; without '2>/dev/null' it says why"
find "$tree/runtime" -name '*.so' -exec strip --strip-unneeded {} +

# The launcher without its search for a JDK and its build.
{
  cat <<'END'
#!/bin/sh
# The asymml command, bundled with its own Java runtime.
set -eu

fail() {
  echo "asymml: $1" >&2
  exit 1
}

END
  sed -n '/^# The file itself where this is a symbolic link/,/^home=/p' "$home/asymml"
  cat <<'END'
lib=$home/lib
jdk=$home/runtime

END
  sed -n '/^# Java names files in/,/^$/p' "$home/asymml"
  sed -n '/^# Two processes share the cores/,$p' "$home/asymml"
} >"$tree/asymml"
for part in '^home=' '^    LC_ALL=C.UTF-8$' '^exec '; do
  grep -q "$part" "$tree/asymml" ||
    fail "the launcher has changed: its parts no longer begin where this script expects ($part)"
done
chmod 755 "$tree/asymml"
cp "$home/LICENSE" "$home/README.md" "$tree"
cp -R "$home/docs" "$tree"

mkdir -p "$(dirname -- "$archive")"
(cd "$work" && tar --sort=name --owner=0 --group=0 --numeric-owner --mtime='2026-01-01 00:00Z' -cf - "$name") |
  gzip -9n >"$archive"
size=$(wc -c <"$archive")
echo "$archive: $size bytes (the bound is $most); unpacked $(du -sk "$tree" | cut -f 1) KiB"
[ "$size" -lt "$most" ] || fail "the bundle is too large"

# On a machine that has nothing, as far as this one can play it.
trial=$work/trial
mkdir "$trial"
tar -xzf "$archive" -C "$trial"
bare() {
  env -i PATH=/usr/bin:/bin "$trial/$name/asymml" "$@"
}
bare env || fail "the bundle does not run"
bare worker --self-test --device cpu || fail "the bundle's self-test fails"
bare train --data generated --epochs 1 --limit-train 256 --limit-test 64 --out "$trial/run" ||
  fail "the bundle does not train"
# With a chart, which needs most of AWT.
bare privacy compare --model cnn --ranks 0,1 --data generated --limit-train 64 --out "$trial/compare" ||
  fail "the bundle does not compare"
[ -s "$trial/compare/compare.svg" ] || fail "the bundle draws no chart"
rm -rf "$trial"
echo "$archive: runs"
