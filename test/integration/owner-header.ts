/** Names whose token has to come with a request. Set by the app's test route from its own request. */
export const ownerHeader = 'x-expected-owner'
