#!/bin/sh
# Joins this node to its virtual cluster, once, and retries until it has.
# cloud-init's bootcmd writes this file and the settings beside it to /run at every boot; nothing of it stays on the disk.
# The token is handed on by shell builtins and standard input alone: it never shows in the list of processes.
set -euf
umask 077
cd /run/krmfn
authority='' endpoint='' join_arguments='' kubelet_arguments='' node='' node_ip_interface='' token_file=''
# shellcheck source=/dev/null
. ./settings

# The nodes of a pool share their user data. Each takes its name from the instance's metadata, where KubeVirt sets the machine's.
find_name() {
    if [ -z "$node" ]; then
        node=$(cloud-init query local_hostname 2>/dev/null) || node=''
    fi
    case $node in
    '' | -* | *- | *[!a-z0-9-]*)
        echo "this node's name is not known: cloud-init query local_hostname says '$(printf %s "$node" | head -c 64 | tr -c '[:print:]' ' ')'"
        node=''
        return 1
        ;;
    esac
}

# The marker decides whether to join: a reboot finds it, while a clone of the disk, or a tenant with another endpoint or CA, has another one to find.
marker=/var/lib/krmfn/joined
find_identity() {
    identity=$({ printf '%s\n' "$node" "$endpoint" "$authority"; if [ -f ca.crt ]; then cat ca.crt; fi; } | sha256sum)
}

# What the image gives its kubelet stays in front of the claim's own. The image's files are kept as they were found, and each try starts
# from those: another claim's arguments must not be inherited with its disk, not even where this claim has none.
configure_kubelet() {
    arguments=$kubelet_arguments
    if [ -n "$node_ip_interface" ]; then
        address=$(ip -o addr show dev "$node_ip_interface" scope global | sed -n 's/.* inet6\{0,1\} \([^/ ]*\)\/.*/\1/p' | head -n 1)
        if [ -z "$address" ]; then
            echo "$node_ip_interface has no address yet"
            return 1
        fi
        # shellcheck disable=SC2086 # words
        set -- $arguments "--node-ip=$address"
        arguments=$*
    fi
    if [ -z "$arguments" ] && [ ! -d /var/lib/krmfn/image ]; then
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
        if [ -z "$arguments" ]; then
            restore_kubelet "$file" "$image" || return 1
            continue
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
            printf 'KUBELET_EXTRA_ARGS="%s%s"\n' "$old" "$arguments"
        } >"$file.krmfn" && mv "$file.krmfn" "$file" || return 1
    done
}

# An empty copy stands for a file that the image does not have.
restore_kubelet() {
    if [ -s "$2" ]; then
        cp "$2" "$1.krmfn" && mv "$1.krmfn" "$1"
    else
        rm -f "$1"
    fi
}

read_token() {
    token='' held=''
    if [ -z "$token_file" ]; then
        held="the user data's token"
        if [ -f token ]; then
            IFS= read -r token <./token || :
        fi
    elif mkdir -p disk && mount -o ro /dev/disk/by-label/krmfn-join disk; then
        # Made anew at each start of the machine; let go at once, so that nothing else reads it by chance.
        held="the file $token_file on the disk krmfn-join"
        if [ -f "disk/$token_file" ]; then
            IFS= read -r token <"disk/$token_file" || :
        else
            held=''
            echo "the disk krmfn-join has no file $token_file; it has: $(cd disk && set +f && echo * | head -c 200 | tr -c '[:print:]' ' ')"
        fi
        umount disk
    else
        echo "the disk with the token can't be mounted: no disk is labelled krmfn-join, or its Secret is not there"
        return 1
    fi
    [ -n "$held" ] || return 1
    # It goes into curl's configuration, where a quote or a line break would be more than a token.
    case $token in
    '') echo "$held is empty" ;;
    "$(printf '\357\273\277')"*) echo "$held begins with a byte order mark; save it without one" ;;
    *"$(printf '\r')") echo "$held ends in a carriage return; save it with Unix line ends" ;;
    *[!a-z0-9.]* | *.*.*) echo "$held is not a token" ;;
    ??????.????????????????) return ;;
    *) echo "$held is not a token" ;;
    esac
    return 1
}

# What the endpoint says, for a person to read: the token is masked before the text is cut, in any spelling of its dot.
reason() {
    secret=$(echo "$token" | cut -d . -f 2)
    all=$(printf 's/%s[^ ]\{1,8\}%s/******/g\ns/%s/******/g\n' "$(echo "$token" | cut -d . -f 1)" "$secret" "$secret" | sed -f - script | tr -c '[:print:]' ' ' | head -c 100000)
    case $(printf %s "$all" | tr -dc 'a-z0-9') in
    *"$secret"*) echo '(the reply repeats the token)' ;;
    *) printf %s "$all" | head -c 300 ;;
    esac
}

download() {
    read_token || return 1
    # -q comes first: root's .curlrc can't switch checks off, nor print the URL.
    set -- -q --silent --show-error --globoff --location --max-redirs 5 --proto =https --proto-redir =https
    set -- "$@" --connect-timeout 10 --max-time 120 --output script --write-out '%{http_code}'
    case $authority in
    file) set -- "$@" --cacert ca.crt ;;
    none) set -- "$@" --insecure ;;
    esac
    rm -f script
    status=$(printf 'url = "%s/node/join?token=%s"\n' "$endpoint" "$token" | curl "$@" --config -) || {
        echo "the download failed"
        return 1
    }
    if [ "$status" != 200 ]; then
        touch script
        echo "the endpoint answered with status $status: $(reason)"
        return 1
    fi
    # A proxy, a login page or a load balancer may answer 200 too, and sh would end well with many a text.
    if [ "$(head -c 2 script)" != '#!' ]; then
        echo "the endpoint answered with status 200, but not with a script: $(reason)"
        return 1
    fi
}

join() {
    find_name || return 1
    find_identity
    # The marker is prepared first: on a full disk the join would repeat for ever otherwise.
    if ! mkdir -p /var/lib/krmfn || ! printf '%s\n' "$identity" >"$marker.new" || [ "$(cat "$marker.new")" != "$identity" ]; then
        echo "$marker can't be written: is the disk full?"
        return 1
    fi
    download || return 1
    (configure_kubelet) || {
        echo "the kubelet's arguments can't be written"
        return 1
    }
    # As the Platform runs it: not with our umask, nor in /run, which may be small and without exec.
    # The script refuses a machine with a kubelet unless it is told to join anyway: a try that failed, or a power cut, leaves one.
    # shellcheck disable=SC2086 # words, checked against a grammar without blanks and quotes
    (umask 022 && cd / && sh /run/krmfn/script --node-name "$node" --force-join $join_arguments </dev/null) || {
        echo "the join script failed"
        return 1
    }
    if [ ! -e /etc/kubernetes/kubelet.conf ]; then
        echo "the join script ended well, but left no /etc/kubernetes/kubelet.conf: is this node in the virtual cluster?"
    fi
    sync
    mv "$marker.new" "$marker"
    sync
}

has_joined() {
    find_name >/dev/null && find_identity && [ "$(cat "$marker" 2>/dev/null)" = "$identity" ]
}

if ! has_joined; then
    pause=5
    until join; do
        # Nodes that start together spread their tries: each waits up to a half longer, by a number of its own.
        number=$(printf %s "$node" | cksum | cut -d ' ' -f 1)
        wait=$((pause + pause * (number % 64) / 128))
        who=$node
        if [ -z "$who" ]; then
            who='this node'
        fi
        echo "$who has not joined $endpoint; the next try follows in $wait s"
        sleep "$wait"
        pause=$((pause * 2))
        if [ "$pause" -gt 60 ]; then
            pause=60
        fi
    done
    echo "$node has joined $endpoint"
fi
rm -f token script
