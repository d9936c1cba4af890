# Completion of backlogctl for fish.

# Whether the command is $argv[1], and what is completed stands before a "--"; without an argument, whether there is none yet.
function __backlogctl_is
    set -l words (commandline -opc)
    not contains -- -- $words; and test "$words[2]" = "$argv[1]"
end

# Whether it stands after that.
function __backlogctl_started
    set -l words (commandline -opc)
    contains -- -- $words; and contains -- "$words[2]" $argv
end

function __backlogctl_command
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join -- ' ' (string escape -- $words) "$token")
end

# Prints the values of a kind, one a line.
function __backlogctl_values
    command -q backlogctl; or return
    switch $argv[1]
@values@
    end
end 2>/dev/null

# Those of a list, behind what of it is there already; with "order", each may have a '-' in front.
function __backlogctl_list
    set -l word (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    set -l before (string match -r -- '^.*,' $word)
    set -l part (string replace -r -- '^.*,' '' $word)
    if test "$argv[2]" = order; and string match -q -- '-*' $part
        set before "$before"-
    end
    __backlogctl_values $argv[1] | string replace -r -- '^' "$before"
end

# Whether the option of a command, COMMAND:OPTION, takes a value, which is the next word.
function __backlogctl_takes
    switch $argv[1]
@takers@
    end
    return 1
end

# Whether the command is $argv[1], which takes a target, and has none yet.
function __backlogctl_lacks_target
    __backlogctl_is $argv[1]; or return
    set -l words (commandline -opc)
    set -e words[1..2]
    while set -q words[1]
        string match -q -- '-*' $words[1]; or return
        __backlogctl_takes $argv[1]:$words[1]; and set -e words[1]
        set -e words[1]
    end
end

# The kind of what comes behind the prefix of a target, KIND:TARGET.
function __backlogctl_form
    switch $argv[1]
@forms@
    end
end

# What can stand for a target of a kind.
function __backlogctl_target
    set -l word (commandline -ct)
    set -l kind (__backlogctl_form "$argv[1]:$word")
    if test -n "$kind"
        set -l before (string match -r -- '^[^:]*:' $word)
        __backlogctl_values $kind | string replace -r -- '^' "$before"
    else
        __backlogctl_values $argv[1]
    end
end

complete -c backlogctl -f
complete -c backlogctl -n __backlogctl_is -a help -d 'Print the options of a command'
complete -c backlogctl -n __backlogctl_is -a version -d 'Print the version and what is compiled in'
complete -c backlogctl -n '__backlogctl_is version' -l json -s j -d 'As JSON'
@options@
