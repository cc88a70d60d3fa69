import type { Logger } from '../log.ts'

/** Where undici, Node's own and an installed one, keeps the dispatcher of the global `fetch`; the second since undici 7. */
const slots: readonly symbol[] = [
  Symbol.for('undici.globalDispatcher.1'),
  Symbol.for('undici.globalDispatcher.2'),
]

/**
 * What stands there while nobody has put anything else: an agent, the one for NODE_USE_ENV_PROXY, and what undici 8
 * hands older versions its agent in.
 */
const ownClasses: ReadonlySet<string> = new Set(['Agent', 'EnvHttpProxyAgent', 'Dispatcher1Wrapper'])

/**
 * Warns when the app has replaced the dispatcher of the global `fetch`, for example by one with a cache. Latchkey's own
 * calls do not go through it, but those of whoever takes an access token to the global `fetch` do.
 * @param globals usually `globalThis`; it is only read.
 */
export function warnOfGlobalDispatcher(globals: object, log: Logger): void {
  if (slots.every((slot) => isOwn(Reflect.get(globals, slot)))) return
  log.warn(
    { event: 'options.global_dispatcher' },
    'The global undici dispatcher is not the default one. Calls through req.oauth do not use it, but the global fetch ' +
      'does: never give it an access token while a cache that users share is among its interceptors.',
  )
}

/** A composed dispatcher passes for its class in everything but `dispatch`. */
function isOwn(dispatcher: unknown): boolean {
  if (dispatcher === undefined) return true
  if (typeof dispatcher !== 'object' || dispatcher === null) return false
  const made: object | null = Object.getPrototypeOf(dispatcher)
  if (made === null || !ownClasses.has(made.constructor.name)) return false
  return Reflect.get(dispatcher, 'dispatch') === Reflect.get(made, 'dispatch')
}
