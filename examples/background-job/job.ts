import { type Latchkey, LatchkeyError } from '@latchkey/express'

interface TopTracks {
  readonly items: readonly { readonly name: string }[]
}

/** The favourite track of everybody who subscribed, by user id. */
export type Favourites = Map<string, string>

/** Looks up the favourites. No request is needed, and nobody has to be signed in. */
export async function updateFavourites(auth: Latchkey<'spotify'>, favourites: Favourites): Promise<void> {
  for (const userId of favourites.keys()) {
    const found = await favouriteOf(auth, userId)
    // Whoever wanted to be forgotten meanwhile is.
    if (found !== undefined && favourites.has(userId)) favourites.set(userId, found)
  }
}

async function favouriteOf(auth: Latchkey<'spotify'>, userId: string): Promise<string | undefined> {
  try {
    const user = await auth.user(userId)
    const reply = await user?.fetch('https://api.spotify.com/v1/me/top/tracks?limit=1')
    if (!reply?.ok) return undefined
    const { items } = (await reply.json()) as TopTracks
    return items[0]?.name ?? 'nothing yet'
  } catch (error) {
    // Only the user can help: they took the permission back, or their half year at Spotify is over.
    if (LatchkeyError.is(error) && error.code === 'login_required') return 'unknown until you sign in again'
    // Everything else passes: what was known stays, and the next run tries again.
    console.warn(`job: ${userId}:`, LatchkeyError.is(error) ? error.code : error)
    return undefined
  }
}
