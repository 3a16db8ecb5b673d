"""When and by how much to mark each article down, so that the whole stock sells at the highest price.

Every Monday, for each country: sales come from the lake, a demand model is trained, a price path is found
for every article, and the country's rows in the ERP are replaced. Read the folders in that order:
lake, training_data, demand, markdown, erp; `pricing` joins them, `orchestration` runs them on Dagster.
"""

from pathlib import Path

__version__ = "0.1.0"
DATA = Path(__file__).parent / "data"
"""The folder of the files that people edit."""
