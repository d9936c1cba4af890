#compdef backlogctl
# Completion of backlogctl for zsh.

# Prints the values of a kind, one a line.
_backlogctl_values()
{
    case $1 in
@values@
    esac
} 2>/dev/null

# Sets kind to that of what comes behind the prefix of a target, KIND:TARGET; fails if it has none.
_backlogctl_form()
{
    case $1 in
@forms@
    *) return 1 ;;
    esac
}

# Offers those values, in a form; _arguments puts options of compadd in front of the two.
_backlogctl_value()
{
    local kind=$argv[-2] form=$argv[-1]
    local -a values prefixes
    [[ $form == target ]] && _backlogctl_form $kind:$PREFIX && compset -P 1 '*:'
    values=(${(f)"$(_backlogctl_values $kind)"})
    set -- ${argv[1,-3]}
    case $form in
    list | order) compset -P '*,' ;;
    esac
    case $form in
    order) compset -P - ;&
    list | begins) compadd "$@" -S '' -a values ;;
    target) # more is to be typed behind a prefix
        prefixes=(${(M)values:#*:}) values=(${values:#*:})
        compadd "$@" -S '' -a prefixes
        compadd "$@" -a values
        ;;
    *) compadd "$@" -a values ;;
    esac
}

_backlogctl()
{
    local command=$words[2] at=${words[(i)--]}
    local -a names options
    names=(
@commands@
    )
    if ((CURRENT == 3)) && [[ $command == help ]]; then
        _describe -t commands command names
        return
    fi
    names+=('help:Print the options of a command' 'version:Print the version and what is compiled in')
    if ((CURRENT == 2)); then
        _describe -t commands command names
        return
    fi
    case $command in
@starters@
    *) at=$CURRENT ;;
    esac
    if ((at < CURRENT)); then # after "--": a command of this machine
        shift $at words
        ((CURRENT -= at))
        _normal
        return
    fi
    shift words
    ((CURRENT--))
    case $command in
@options@
    version) options=('(-j --json)'{-j,--json}'[as JSON]') ;;
    *) return 1 ;;
    esac
    _arguments -s -S $options
}

if [[ $funcstack[1] == _backlogctl ]]; then
    _backlogctl "$@"
else # sourced
    compdef _backlogctl backlogctl
fi
