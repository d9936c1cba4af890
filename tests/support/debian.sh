# For scripts: a Debian of its own in a folder, and commands in it. Takes root and debootstrap.

# MIRROR: where this machine's apt takes its packages from.
debian_mirror() {
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | sed -n "s/ $codename\$//p" | head -n 1
}

# SUITE FOLDER: the smallest Debian of this suite, made once.
debian_root() {
    if [ ! -e "$2/made" ]; then
        rm -rf "$2"
        debootstrap --variant=minbase "$1" "$2" "$(debian_mirror)"
        touch "$2/made"
    fi
    cp /etc/resolv.conf "$2/etc/resolv.conf"
}

# FOLDER COMMAND...: the command in this root, with mounts and processes of its own, which end with it. Its root is moved to, since
# the kernel makes no user namespaces for who is in a chroot.
debian_inside() {
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --kill-child -- env -u CMAKE_C_COMPILER_LAUNCHER HOME=/root TMPDIR=/tmp \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -euc '
        root=$1
        shift
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/tmp"
        cd "$root"
        pivot_root . mnt
        cd /
        umount -l /mnt
        exec "$@"' sh "$@"
}
