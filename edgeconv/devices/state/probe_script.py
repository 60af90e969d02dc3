"""What a device is asked, in one script for its shell: dash, busybox and mksh all run it.

Each answer is a line `key=value`; a key may come more than once. What cannot be read is left out.
The shell reads the script from standard input, so nothing in it may.
"""

#: $1 is edgeconv's directory; the rest tells of throttling: a path, or a program and arguments.
PROBE = rb"""
root=$1; shift
cpu=/sys/devices/system/cpu
say() { if [ -n "$2" ]; then echo "$1=$2"; fi; }
line=
first() { line=; if [ -r "$1" ]; then { IFS= read -r line <"$1"; } 2>/dev/null; fi; }
prop() { if command -v getprop >/dev/null 2>&1; then getprop "$1" </dev/null; fi; }

case $1 in
  '') ;;
  /*) first "$1"; say throttled "$line" ;;
  *) say throttled "$("$@" 2>/dev/null </dev/null | head -c 400 | head -n 1)" ;;
esac

say machine "$(uname -m)"
say kernel "$(uname -s) $(uname -r)"
if [ -r /etc/os-release ]; then
  while IFS='=' read -r key value; do
    if [ "$key" = PRETTY_NAME ]; then value=${value#\"}; say os "${value%\"}"; fi
  done </etc/os-release
fi
android=$(prop ro.build.version.release)
if [ -n "$android" ]; then say os "Android $android"; fi
for file in /proc/device-tree/model /sys/firmware/devicetree/base/model; do
  first $file; say model "$line"
done
say model "$(prop ro.product.model)"

cores=0
for core in $cpu/cpu[0-9]*; do if [ -d "$core" ]; then cores=$((cores + 1)); fi; done
say cores "$cores"
say usable_cores "$(unset OMP_NUM_THREADS OMP_THREAD_LIMIT; nproc 2>/dev/null)"
if [ -r /proc/meminfo ]; then
  while read -r key value rest; do
    case $key in MemTotal:) say memory_kib "$value" ;; esac
  done </proc/meminfo
fi
if [ -r /proc/loadavg ]; then read -r load rest </proc/loadavg; say load "$load"; fi

set -- $cpu/cpufreq/policy[0-9]*
if [ ! -d "$1" ]; then set -- $cpu/cpu[0-9]*/cpufreq; fi
for policy in "$@"; do
  first "$policy/scaling_governor"; say governor "$line"
  first "$policy/scaling_cur_freq"; say frequency_khz "$line"
done
for zone in /sys/class/thermal/thermal_zone[0-9]*; do
  first "$zone/temp"; temperature=$line
  first "$zone/type"
  if [ -n "$temperature" ]; then say temperature "$temperature ${zone##*/} $line"; fi
done
say space "$(df -Pk "$root" 2>/dev/null | tail -n 1)"
for package in "$root"/engines/*/*.dist-info; do
  if [ -d "$package" ]; then say brought "${package##*/}"; fi
done

python3 -I -c '
import platform
from importlib import metadata
print("python=" + platform.python_version())
for name in ("numpy", "onnxruntime", "ai-edge-litert"):
    try:
        print("installed=" + name + "-" + metadata.version(name))
    except metadata.PackageNotFoundError:
        pass
' 2>/dev/null </dev/null
exit 0
"""
