#!/system/bin/sh
# getprop [NAME [DEFAULT]]: a system property, or all of them.
while IFS='=' read -r name value; do
  if [ $# -eq 0 ]; then
    echo "[$name]: [$value]"
  elif [ "$name" = "$1" ]; then
    echo "$value"
    exit 0
  fi
done < /system/build.prop
[ $# -eq 0 ] || echo "${2-}"
