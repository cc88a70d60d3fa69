/** The variables that a provider's credentials are read from: `spotify-eu` → `SPOTIFY_EU_CLIENT_ID`. */
export function credentialVariables(id: string): {
  readonly clientId: string
  readonly clientSecret: string
} {
  const prefix = id.toUpperCase().replaceAll('-', '_')
  return { clientId: `${prefix}_CLIENT_ID`, clientSecret: `${prefix}_CLIENT_SECRET` }
}
