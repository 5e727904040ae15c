#!/bin/sh
# Joins this node to its virtual cluster, once, and retries until it has.
# cloud-init's bootcmd writes this file and the settings beside it to /run at every boot; nothing of it stays on the disk.
# The token is handed on by shell builtins and standard input alone: it never shows in the list of processes.
set -eu
umask 077
cd /run/krmfn
authority='' endpoint='' kubelet_arguments='' node='' token_file=''
# shellcheck source=/dev/null
. ./settings

# A reboot finds the marker and joins no second time; a clone of the disk, or a rebuilt tenant, has another one to find.
marker=/var/lib/krmfn/joined
identity=$({ printf '%s\n' "$node" "$endpoint" "$authority"; if [ -f ca.crt ]; then cat ca.crt; fi; } | sha256sum)

# What the image gives its kubelet stays in front of the claim's own. The image's files are kept as they were found, and each try starts
# from those: a clone of the disk must not inherit another claim's arguments.
configure_kubelet() {
    if [ -z "$kubelet_arguments" ]; then
        return
    fi
    umask 022
    mkdir -p /var/lib/krmfn/image || return 1
    for file in /etc/vcluster/vcluster-flags.env /etc/default/kubelet /etc/sysconfig/kubelet; do
        mkdir -p "$(dirname "$file")" || return 1
        image=/var/lib/krmfn/image/$(basename "$(dirname "$file")")
        if [ ! -f "$image" ]; then
            if [ -f "$file" ]; then
                cp "$file" "$image.new"
            else
                : >"$image.new"
            fi && mv "$image.new" "$image" || return 1
        fi
        old=$(sed -n "s/^KUBELET_EXTRA_ARGS=\([\"']\{0,1\}\)\([^\"']*\)\1[[:space:]]*\$/\2/p" "$image" | tail -n 1)
        if [ -z "$old" ] && grep -q '^KUBELET_EXTRA_ARGS=.*-' "$image"; then
            echo "KUBELET_EXTRA_ARGS of the image in $file can't be read, and is replaced"
        fi
        {
            grep -v '^KUBELET_EXTRA_ARGS=' "$image" || :
            if [ -n "$old" ]; then
                old="$old "
            fi
            printf 'KUBELET_EXTRA_ARGS="%s%s"\n' "$old" "$kubelet_arguments"
        } >"$file.krmfn" && mv "$file.krmfn" "$file" || return 1
    done
}

read_token() {
    token=''
    if [ -z "$token_file" ]; then
        if [ -f token ]; then
            read -r token <./token || :
        fi
    elif mkdir -p disk && mount -o ro /dev/disk/by-label/krmfn-join disk; then
        # Made anew at each start of the machine; let go at once, so that nothing else reads it by chance.
        if [ -f "disk/$token_file" ]; then
            read -r token <"disk/$token_file" || :
        fi
        umount disk
    else
        echo "the disk with the token can't be mounted"
        return 1
    fi
    # It goes into curl's configuration, where a quote or a line break would be more than a token.
    case $token in
    '' | *[!a-z0-9.]*)
        echo "there is no token, or what is there is none"
        return 1
        ;;
    esac
}

download() {
    read_token || return 1
    set -- --silent --show-error --globoff --location --max-redirs 5 --proto =https --proto-redir =https
    set -- "$@" --connect-timeout 10 --max-time 120 --output script --write-out '%{http_code}'
    case $authority in
    file) set -- "$@" --cacert ca.crt ;;
    none) set -- "$@" --insecure ;;
    esac
    rm -f script
    status=$(printf 'url = "%s/node/join?token=%s"\n' "$endpoint" "$token" | curl --config - "$@") || {
        echo "the download failed"
        return 1
    }
    if [ "$status" = 200 ] && [ -s script ]; then
        return
    fi
    reason=$(head -c 300 script 2>/dev/null | tr -c '[:print:]' ' ') || reason=''
    case $reason in
    *"$token"*) reason='(the reply repeats the token)' ;;
    esac
    echo "the endpoint answered with status $status: $reason"
    return 1
}

join() {
    download || return 1
    (configure_kubelet) || {
        echo "the kubelet's arguments can't be written"
        return 1
    }
    # As the Platform runs it: not with our umask, nor in /run, which may be small and without exec.
    (umask 022 && cd / && sh /run/krmfn/script --node-name "$node" </dev/null) || {
        echo "the join script failed"
        return 1
    }
}

if [ "$(cat "$marker" 2>/dev/null)" != "$identity" ]; then
    pause=5
    until join; do
        echo "$node has not joined $endpoint; the next try follows in $pause s"
        sleep "$pause"
        pause=$((pause * 2))
        if [ "$pause" -gt 60 ]; then
            pause=60
        fi
    done
    mkdir -p /var/lib/krmfn
    printf '%s\n' "$identity" >"$marker.new"
    sync
    mv "$marker.new" "$marker"
    sync
    echo "$node has joined $endpoint"
fi
rm -f token script
