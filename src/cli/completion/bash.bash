# Completion of backlogctl for bash. It needs nothing of the package bash-completion, and uses that for what comes after "--".
# Names of processes and the like are others': they are compared and quoted, and never reach `compgen -W`, which evaluates.

# The words that can stand after a command; after none, the commands.
_backlogctl_words()
{
    case $1 in
@words@
    esac
}

# Sets kind and form to those of an option's value, COMMAND:OPTION, or of a target, COMMAND:; fails if there is none.
_backlogctl_kind()
{
    case $1 in
@kinds@
    *) return 1 ;;
    esac
}

# Sets kind to that of what comes behind the prefix of a target, KIND:TARGET; fails if it has none.
_backlogctl_form()
{
    case $1 in
@forms@
    *) return 1 ;;
    esac
}

# Whether the words after a command, which is $1, have a target already.
_backlogctl_has_target()
{
    local kind form command=$1
    while shift && (($#)); do
        [[ $1 == -* ]] || return 0
        _backlogctl_kind "$command:$1" && shift
    done
    return 1
}

# Whether a command starts a server that comes after "--".
_backlogctl_starts()
{
    case $1 in
@starters@
    *) return 1 ;;
    esac
}

# Prints the values of a kind, one a line.
_backlogctl_values()
{
    case $1 in
@values@
    esac
} 2>/dev/null

_backlogctl_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# The values that begin with $1; $2 is what stands before it in the same word, $3 what of that word is not replaced.
_backlogctl_value()
{
    local part=$1 before=$2 candidate reply
    case $form in
    list | order) before+=${part%"${part##*,}"} part=${part##*,} ;;
    esac
    [[ $form == order && $part == -* ]] && before+=- part=${part#-}
    [[ $form == target ]] && _backlogctl_form "$kind:$part" && before+=${part%%:*}: part=${part#*:}
    [[ $form != one && $form != target ]] && compopt -o nospace 2>/dev/null
    while IFS= read -r candidate; do
        [[ $candidate && $candidate == "$part"* ]] || continue
        reply=$before$candidate
        reply=${reply#"$3"}
        [[ $reply == *[!A-Za-z0-9_.,:@%+/=^-]* ]] && printf -v reply %q "$reply"
        COMPREPLY+=("$reply")
    done < <(_backlogctl_values "$kind")
    # More is to be typed behind a prefix.
    [[ $form == target && ${COMPREPLY[*]} == *: ]] && compopt -o nospace 2>/dev/null
}

# What comes after "--": a command of this machine, whose place is $1.
_backlogctl_started()
{
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        _backlogctl_files "${COMP_WORDS[COMP_CWORD]}"
    fi
}

_backlogctl()
{
    local words=() line=$COMP_LINE rest i kind='' form='' command='' cur tail option=''
    COMPREPLY=()
    # bash divides words at '=' and ':' too; here they are put together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        if ((i == 0)) || [[ $rest != "$line" ]]; then
            words+=("${COMP_WORDS[i]}")
        else
            words[-1]+=${COMP_WORDS[i]}
        fi
        line=${rest#"${COMP_WORDS[i]}"}
        if ((i < COMP_CWORD)) && [[ ${words[-1]} == -- ]] && _backlogctl_starts "${words[1]}"; then
            _backlogctl_started $((i + 1))
            return
        fi
    done
    cur=${words[-1]} tail=${COMP_WORDS[COMP_CWORD]##*[=:]}
    ((${#words[@]} > 2)) && command=${words[1]}
    if [[ $cur == --*=* ]]; then
        option=${cur%%=*}=
        _backlogctl_kind "$command:${option%=}" || return 0
    elif ! _backlogctl_kind "$command:${words[-2]}" &&
        { [[ ! $command || $cur == -* ]] || _backlogctl_has_target "${words[@]:1:${#words[@]}-2}" || ! _backlogctl_kind "$command:"; }; then
        mapfile -t COMPREPLY < <(compgen -W "$(_backlogctl_words "$command")" -- "$cur")
        return 0
    fi
    case $form in
    file) _backlogctl_files "${cur#"$option"}" ;;
    *) _backlogctl_value "${cur#"$option"}" "$option" "${cur%"$tail"}" ;;
    esac
}

complete -F _backlogctl backlogctl
