// Division of a matrix product: GROUPS independent products of ROW_TILES x COLUMN_TILES tiles.

override GROUPS: u32;
override ROW_TILES: u32;
override COLUMN_TILES: u32;
