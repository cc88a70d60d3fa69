import { exbo, latchkey, spotify } from '@latchkey/express'

/** Its type knows the ids of its providers, with nothing said about them. */
export const auth = latchkey({
  providers: [spotify({ scope: ['user-top-read'] }), exbo()],
  session: { keep: ['theme'] },
})

// Once per app: from here on req.oauth knows the ids too, and req.session its keys.
declare module '@latchkey/express' {
  interface Register {
    auth: typeof auth
  }
  interface SessionData {
    theme?: 'light' | 'dark'
  }
}
