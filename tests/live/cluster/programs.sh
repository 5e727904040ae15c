# To be sourced: `start NAME COMMAND…` runs a program in the background, with a log in logs/ and its process in pids.
start() {
    local name=$1
    shift
    "$@" >"logs/$name.log" 2>&1 &
    echo $! >>pids
}
