import type { AppScope, Posthorn } from '@posthorn/engine'

/** An engine whose `publish` and `publishMany` do something else; everything else is real. */
export function withIntake(
  posthorn: Posthorn,
  intake: Partial<Pick<AppScope, 'publish' | 'publishMany' | 'events'>>,
): Posthorn {
  return new Proxy(posthorn, {
    get: (target, name, receiver) =>
      name === 'forApp'
        ? (appId: string) => ({ ...target.forApp(appId), ...intake })
        : Reflect.get(target, name, receiver),
  })
}
