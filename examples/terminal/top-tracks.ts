import { LatchkeyError, signIn, spotify } from '@latchkey/cli'

// Prints your top tracks. The first run signs you in; later ones, and other programs of yours, find the tokens.

interface TopTracks {
  readonly items: readonly { readonly name: string }[]
}

try {
  const account = await signIn({ provider: spotify(), via: 'loopback', scope: ['user-top-read'] })
  const reply = await account.fetch('https://api.spotify.com/v1/me/top/tracks?limit=5')
  const { items } = (await reply.json()) as TopTracks // as Spotify documents it
  console.log(items.map(({ name }) => name).join('\n'))
} catch (error) {
  if (!LatchkeyError.is(error)) throw error
  console.error(error.message)
  process.exitCode = 1
}
