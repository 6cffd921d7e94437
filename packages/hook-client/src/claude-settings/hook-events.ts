/**
 * Events of Claude Code that are captured. Left out: `WorktreeCreate`, where a hook replaces what makes the worktree;
 * `MessageDisplay`, which holds up rendering; `FileChanged`, which needs a literal list of files. A name that an older
 * Claude Code does not know does no harm.
 */
export const CAPTURED_EVENTS: readonly string[] = [
  ...['SessionStart', 'Setup', 'SessionEnd'],
  ...['UserPromptSubmit', 'UserPromptExpansion'],
  ...['PreToolUse', 'PostToolUse', 'PostToolUseFailure', 'PostToolBatch'],
  ...['PermissionRequest', 'PermissionDenied'],
  ...['Notification', 'Elicitation', 'ElicitationResult'],
  ...['Stop', 'StopFailure', 'SubagentStart', 'SubagentStop', 'TeammateIdle'],
  ...['TaskCreated', 'TaskCompleted'],
  ...['PreCompact', 'PostCompact', 'PreModelSwitch', 'PostModelSwitch'],
  ...['ConfigChange', 'CwdChanged', 'DirectoryAdded', 'InstructionsLoaded', 'WorktreeRemove'],
]

/** Events where a capture hook would change what Claude Code does. */
export const HARMFUL_EVENTS: ReadonlySet<string> = new Set(['WorktreeCreate', 'MessageDisplay'])
