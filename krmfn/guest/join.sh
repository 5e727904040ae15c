#!/bin/sh
# Joins this node to its virtual cluster, once, and retries until it has.
# cloud-init's bootcmd writes this file and the settings beside it to /run at every boot; nothing of it stays on the disk.
# The token is handed on by shell builtins and standard input alone: it never shows in the list of processes.
set -eu
umask 077
cd /run/krmfn
authority='' endpoint='' kubelet_arguments='' node=''
# shellcheck source=/dev/null
. ./settings

# A reboot finds the marker and joins no second time; a clone of the disk, or a rebuilt tenant, has another one to find.
marker=/var/lib/krmfn/joined
identity=$({ printf '%s\n' "$node" "$endpoint" "$authority"; if [ -f ca.crt ]; then cat ca.crt; fi; } | sha256sum)

configure_kubelet() {
    if [ -z "$kubelet_arguments" ]; then
        return
    fi
    for folder in /etc/vcluster /etc/default /etc/sysconfig; do
        file=$folder/kubelet
        if [ "$folder" = /etc/vcluster ]; then
            file=$folder/vcluster-flags.env
        fi
        mkdir -p "$folder" || return 1
        {
            if [ -f "$file" ]; then
                grep -v '^KUBELET_EXTRA_ARGS=' "$file" || :
            fi
            printf 'KUBELET_EXTRA_ARGS="%s"\n' "$kubelet_arguments"
        } >"$file.krmfn" && mv "$file.krmfn" "$file" || return 1
    done
}

download() {
    token=''
    if ! read -r token <./token && [ -z "$token" ]; then
        echo "there is no token"
        return 1
    fi
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
    configure_kubelet || return 1
    sh ./script --node-name "$node" </dev/null || {
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
