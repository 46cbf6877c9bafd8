# Part of scripts/package.sh: the recipe of an image for mkosi 25 and later, whose root file system is read-only under
# dm-verity. The guest is booted without a boot loader, by kernel, initial RAM disk and command line, which the TEE
# measures; the command line has the root hash of dm-verity, and so all that the image holds.
image=$out/mkosi.extra
units=$image/etc/systemd/system
mkdir -p "$units/multi-user.target.wants" "$image/etc/modules-load.d" "$image/etc/systemd/network" \
  "$image/etc/systemd/journald.conf.d" "$image/var/lib/asymml" "$out/mkosi.repart"

cat >"$out/mkosi.conf" <<END
# A trainer in a confidential VM ($tee); written by scripts/package.sh. Build with: mkosi build
[Distribution]
Distribution=debian
Release=trixie

[Output]
ImageId=asymml-trainer
Format=disk
SplitArtifacts=kernel,initrd,roothash
Seed=2b1f4e0a-7c05-4f8e-9d53-6a0a6d1c8e17

[Content]
Packages=
  systemd
  udev
  linux-image-cloud-amd64
  ca-certificates
Bootable=yes
Bootloader=none
SourceDateEpoch=1767225600
CleanPackageMetadata=yes
# mkosi appends roothash=: see its output asymml-trainer.roothash.
KernelCommandLine=$(cat <<LINE | paste -s -d ' ' -
console=ttyS0
ro
systemd.verity=yes
systemd.swap=no
systemd.firstboot=no
systemd.import_credentials=no
systemd.ssh_auto=no
systemd.getty_auto=no
rd.shell=0
rd.emergency=poweroff
systemd.default_standard_error=journal
random.trust_cpu=on
random.trust_bootloader=off
lockdown=confidentiality
module.sig_enforce=1
init_on_alloc=1
oops=panic
panic=1
LINE
)
END

cat >"$out/mkosi.repart/10-root.conf" <<END
[Partition]
Type=root
Format=erofs
CopyFiles=/
Verity=data
VerityMatchKey=root
Minimize=best
END
cat >"$out/mkosi.repart/20-root-verity.conf" <<END
[Partition]
Type=root-verity
Verity=hash
VerityMatchKey=root
Minimize=best
END

case $tee in
  snp) echo sev-guest ;;
  tdx) echo tdx-guest ;;
esac >"$image/etc/modules-load.d/asymml.conf"
cat >"$image/etc/systemd/network/80-any.network" <<END
[Match]
Type=ether

[Network]
DHCP=yes
END
cat >"$image/etc/systemd/journald.conf.d/asymml.conf" <<END
[Journal]
Storage=volatile
RuntimeMaxUse=16M
END
# Settings, sealed images and runs: a file system that the host makes, labelled asymml. Nothing of it is executed.
cat >"$image/etc/fstab" <<END
LABEL=asymml /var/lib/asymml ext4 nosuid,nodev,noexec,nofail 0 0
tmpfs /tmp tmpfs mode=1777,nosuid,nodev,noexec,size=64m 0 0
END
# Nobody logs in, whatever asks for it.
for unit in getty.target serial-getty@.service console-getty.service debug-shell.service emergency.service \
  rescue.service ssh.service; do
  ln -s /dev/null "$units/$unit"
done
java_options >"$tree/java.options"

# What the host's file system has decides which of these runs. The owner's policy allows each.
condition() {
  case $1 in
    train)
      echo "ConditionPathExists=!$runs/run/checkpoint.safetensors.sealed"
      echo "ConditionPathExists=!$given/export"
      ;;
    resume)
      echo "ConditionPathExists=$runs/run/checkpoint.safetensors.sealed"
      echo "ConditionPathExists=!$given/export"
      ;;
    export) echo "ConditionPathExists=$given/export" ;;
  esac
}

for action in train resume export; do
  cat >"$units/asymml-$action.service" <<END
[Unit]
Description=asymml $action
Wants=network-online.target
After=network-online.target sys-kernel-config.mount systemd-modules-load.service
Requires=sys-kernel-config.mount
RequiresMountsFor=/var/lib/asymml
ConditionPathExists=/sys/kernel/config/tsm/report
$(condition $action)
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=exec
ExecStart=$at/runtime/bin/java @$at/java.options $(arguments $action | paste -s -d ' ' -)
$(environment '' | sed 's/^/Environment=/')
# 143 is Java's answer to SIGTERM: the run is saved.
SuccessExitStatus=143
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=300
StandardOutput=journal+console
StandardError=journal+console
UMask=0077
LimitCORE=0

# Root, whom configfs-tsm asks for, without any capability.
User=root
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes

# A read-only file tree but for the runs and the requests for evidence; no shared memory; no other program.
ProtectSystem=strict
ReadWritePaths=/sys/kernel/config/tsm/report
ReadWritePaths=-$runs
InaccessiblePaths=/dev/shm /var/lib/private /var/log
NoExecPaths=/
ExecPaths=$at/runtime $at/native /usr/lib
PrivateTmp=yes
PrivateDevices=yes
PrivateIPC=yes
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes

# TCP and the name server; no Unix sockets.
RestrictAddressFamilies=AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
# Java compiles to memory that it then executes: MemoryDenyWriteExecute cannot be set.
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring memfd_create shmget shmat shmctl
SystemCallErrorNumber=EPERM
TasksMax=$((60 + 2 * threads))
MemoryMax=$((heap + code + metaspace + tensors + (60 + 2 * threads) * stack + 512))M

[Install]
WantedBy=multi-user.target
END
  ln -s "../asymml-$action.service" "$units/multi-user.target.wants/asymml-$action.service"
done

echo "$out: a recipe for mkosi; the kernel's command line is in mkosi.conf, what runs in mkosi.extra"
echo "Next, in that folder:"
echo "  mkosi build"
