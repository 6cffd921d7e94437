import manifest from '../package.json' with { type: 'json' }

/** The version of this package, as in `user-agent: posthorn-hook/<version>`. */
export const VERSION: string = manifest.version
