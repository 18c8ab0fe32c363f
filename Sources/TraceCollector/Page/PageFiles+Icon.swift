extension PageFiles {
  /// The picture in the tab and at the top.
  static let icon = ##"""
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <rect width="32" height="32" rx="8" fill="#4b5bdc"/>
    <rect x="6" y="8" width="20" height="4" rx="2" fill="#fff"/>
    <rect x="10" y="14" width="12" height="4" rx="2" fill="#c3caff"/>
    <rect x="14" y="20" width="10" height="4" rx="2" fill="#ffb37a"/>
    </svg>
    """##
}
