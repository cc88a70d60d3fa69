/** What an app uses of `Latchkey` as it is, on every framework. */
export const appMembers = [
  'providers',
  'events',
  'buttons',
  'application',
  'user',
  'from',
  'endSessions',
  'createSession',
  'importAccount',
  'close',
] as const

/** One of {@link appMembers}. */
export type AppMember = (typeof appMembers)[number]
